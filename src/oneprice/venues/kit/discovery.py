"""Venues are found by looking at the folders beside the kit; there is no list to edit."""

from __future__ import annotations

import importlib
import pkgutil

import oneprice.venues
from oneprice.errors import ConfigError
from oneprice.venues.kit.venue import Venue


def find_venues() -> dict[str, Venue]:
    """All venues by name, in alphabetical order."""
    rooms = (module.name for module in pkgutil.iter_modules(oneprice.venues.__path__) if module.ispkg)
    names = sorted(name for name in rooms if name != "kit")
    return {name: importlib.import_module(f"oneprice.venues.{name}").VENUE for name in names}


def find_venue(name: str) -> Venue:
    """Raises ConfigError for a venue that does not exist."""
    venues = find_venues()
    if name not in venues:
        raise ConfigError(f"no venue {name!r}; there are: {', '.join(venues)}")
    return venues[name]
