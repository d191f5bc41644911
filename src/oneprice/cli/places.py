"""Where things lie on this machine: the configuration, and one folder for data, moved whole by `ONEPRICE_DATA_DIR`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from oneprice.errors import ConfigError

CONFIG_NAME = "oneprice.toml"
DATA_OVERRIDE = "ONEPRICE__PATHS__DATA"


def data_dir() -> Path:
    """The data folder where no configuration names one; it need not exist yet."""
    given = os.environ.get("ONEPRICE_DATA_DIR")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("oneprice", appauthor=False))


def recordings_dir() -> Path:
    """Where recordings go when no place is named."""
    return data_dir() / "recordings"


def config_path(given: Path | None = None) -> Path | None:
    """The configuration: as given, as `ONEPRICE_CONFIG` says, ./oneprice.toml, or the user's own; None where
    neither of the last two is there."""
    named = given or os.environ.get("ONEPRICE_CONFIG")
    if named:
        return Path(named).expanduser()
    usual = (Path(CONFIG_NAME), user_config())
    return next((path for path in usual if path.is_file()), None)


def user_config() -> Path:
    """The user's own configuration; it need not exist."""
    return Path(platformdirs.user_config_dir("oneprice", appauthor=False)) / CONFIG_NAME


def required_config(given: Path | None) -> Path:
    """As `config_path`. Raises ConfigError where there is none."""
    path = config_path(given)
    if path is None:
        raise ConfigError(
            f"no configuration: neither ./{CONFIG_NAME} nor {user_config()} is there; "
            "`oneprice init` writes one, --config names another"
        )
    return path


def engine_folder(given: Path | None, config: Path | None) -> Path:
    """The data folder of an engine: as given, by `ONEPRICE_DATA_DIR`, as the configuration says, or the usual one.

    Of the configuration nothing else is looked at, so that an engine can be stopped whatever became of the file since.
    Raises ConfigError where it is no TOML.
    """
    if given is not None:
        return given.expanduser()
    if os.environ.get("ONEPRICE_DATA_DIR"):
        return data_dir()
    path = config_path(config)
    if path is None:
        return data_dir()
    from oneprice.config.loading import data_of, read_text, toml_tree

    try:
        paths = toml_tree(read_text(path), path).get("paths")
    except ConfigError as error:
        raise ConfigError(f"{error}; or name the data folder with --data-dir") from error
    named = os.environ.get(DATA_OVERRIDE) or (paths.get("data") if isinstance(paths, dict) else "")
    return data_of(named if isinstance(named, str) else "", path) or data_dir()
