"""The garbage collector while very many objects are made."""

from __future__ import annotations

import gc

import pytest

from oneprice.ledger.quiet import no_collecting


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_off_and_then_as_it_was_whatever_happens(was_on: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        with pytest.raises(ZeroDivisionError), no_collecting():
            1 // gc.isenabled()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
