"""What all tests share: which core runs, the material beside the checkout, and hypothesis' settings."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests import workers
from tests.canaries import Guard

from oneprice.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
# Folders of tests/ that touch no core, or for which one is enough (verify): run once, not once per core.
CORELESS = {"config", "exchange", "house", "ledger", "live", "observe", "report", "sim", "verify"}

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what touches no core; bring them into the workers' order."""
    for item in items:
        parts = item.path.relative_to(ROOT / "tests").parts
        if parts[0] in CORELESS:
            item.add_marker(pytest.mark.coreless)
    if hasattr(config, "workerinput"):
        workers.order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.FilesTogether:
    """Deal files out to the workers, in the order of the collection."""
    config.option.loadscopereorder = False
    return workers.FilesTogether(config, log)


def pytest_collection_finish() -> None:
    """What is there now stays to the end: looking through it again and again would halt tests for up to two seconds."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Let the simulated exchanges of a test go: aiohttp remembers the last 1,024 handlers, and they hold them all."""
    remembered = getattr(sys.modules.get("aiohttp.web_app"), "_cached_build_middleware", None)
    if remembered is not None:
        remembered.cache_clear()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared/` beside the checkout: fixtures, recordings, fact sheets. Skips without."""
    folder = Path(os.environ.get("ONEPRICE_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no {folder.name}/ beside the checkout")
    return folder
