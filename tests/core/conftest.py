"""What the tests of the core share: both cores behind one fixture."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from oneprice.core.hub import Hub as PythonHub

HERE = Path(__file__).parent
CORES = ("python", "rust")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests choose the core themselves, so that one run of the suite is enough."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.coreless)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how much was compared."""
    reports = [report for report in terminalreporter.stats.get("passed", []) if report.when == "call"]
    compared = sum(value for report in reports for name, value in report.user_properties if name == "commands")
    if compared:
        terminalreporter.write_line(f"both cores: {compared:,} commands and frames compared")


def rust_hub() -> Any:
    """The Rust core's Hub. Skips where it is not built."""
    if importlib.util.find_spec("oneprice._core") is None:
        pytest.skip("the Rust core is not built")
    return importlib.import_module("oneprice._core").Hub


@pytest.fixture(params=CORES)
def hub_class(request: pytest.FixtureRequest) -> Any:
    """Each of the two cores' Hub in turn."""
    return PythonHub if request.param == "python" else rust_hub()


@pytest.fixture(scope="session")
def both() -> tuple[Any, Any]:
    """The reference and the Rust core. Skips where the latter is not built."""
    return PythonHub, rust_hub()
