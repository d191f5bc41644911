"""`oneprice venues`."""

from __future__ import annotations

import json

from oneprice.venues.kit import find_venues
from oneprice.venues.kit.contract import CAPABILITIES


def test_the_matrix_has_every_market_and_every_capability(invoke) -> None:
    text = invoke("venues").stdout
    for venue in find_venues():
        assert venue in text
    for capability in CAPABILITIES:
        assert capability in text


def test_json_says_what_the_folders_say(invoke) -> None:
    told = {venue["name"]: venue for venue in json.loads(invoke("venues", "--json").stdout)["venues"]}
    assert set(told) == set(find_venues())
    for name, venue in find_venues().items():
        markets = {market["name"]: market for market in told[name]["markets"]}
        for kind, make in venue.markets.items():
            market = make(None)
            row = markets[f"{name}-{kind.value}"]
            assert row["rest_url"] == market.rest_url
            assert {cell["name"]: cell["supported"] for cell in row["capabilities"]} == {
                support.name: support.supported for support in market.capabilities
            }


def test_one_venue_is_shown_with_its_notes(invoke) -> None:
    text = invoke("venues", "gate").stdout
    assert "gate-spot" in text
    assert "https://" in text


def test_an_unknown_venue_names_the_known_ones(invoke) -> None:
    result = invoke("venues", "nasdaq")
    assert result.exit_code == 2
    assert "binance" in result.stderr
