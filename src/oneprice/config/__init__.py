"""Settings: one TOML file, the environment over it, all of it checked before anything starts. Keys are kept apart.

`load` gives `Loaded`; every problem of a file is told at once, by key, value and what is allowed. What `oneprice init`
writes is in `template`.
"""

from oneprice.config.credentials import credentials_of, key_mark
from oneprice.config.loading import Loaded, load, parse
from oneprice.config.reading import Problem
from oneprice.config.settings import MODES, Settings, VenueSettings

__all__ = [
    "MODES",
    "Loaded",
    "Problem",
    "Settings",
    "VenueSettings",
    "credentials_of",
    "key_mark",
    "load",
    "parse",
]
