"""What all tests share: which core runs, the material beside the checkout, and hypothesis' settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from tests.canaries import Guard

from oneprice.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
# Folders of tests/ that touch no core, or for which one is enough (verify): run once, not once per core.
CORELESS = {"exchange", "house", "live", "observe", "sim", "verify"}

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Watch over planted keys."""
    config.pluginmanager.register(Guard(config), "planted-keys")


def pytest_report_header() -> str:
    """Say which core is tested; refuse to start when the wanted one is not there."""
    try:
        from oneprice.core import backend, backend_note
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    return f"core: {backend} ({backend_note})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches no core."""
    for item in items:
        parts = item.path.relative_to(ROOT / "tests").parts
        if parts[0] in CORELESS:
            item.add_marker(pytest.mark.coreless)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared/` beside the checkout: fixtures, recordings, fact sheets. Skips without."""
    folder = Path(os.environ.get("ONEPRICE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no {folder.name}/ beside the checkout")
    return folder
