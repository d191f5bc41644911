"""Where things lie on this machine: one folder for data, moved as a whole by `ONEPRICE_DATA_DIR`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_dir() -> Path:
    """The data folder; it need not exist yet."""
    given = os.environ.get("ONEPRICE_DATA_DIR")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("oneprice", appauthor=False))


def recordings_dir() -> Path:
    """Where recordings go when no place is named."""
    return data_dir() / "recordings"
