"""Orders over the WS API as ready text: what does not change from order to order is prepared once.

Keys that sign (HMAC) sign each command; its parameters stand sorted by name, as they are signed.
"""

from __future__ import annotations

import msgspec

from oneprice.model import MarketKind, NewOrder, OrderType, Side, TimeInForce
from oneprice.venues.binance.orders import TEMPLATES_MAX, fits_template, parameters
from oneprice.venues.binance.replies import request
from oneprice.venues.binance.signing import Signing
from oneprice.venues.kit import plain

METHOD = "order.place"
_MS = 1_000_000
_OWN = ("newClientOrderId", "price", "quantity", "timestamp")
"""What each order has of its own, in the order of their names."""

_Parts = tuple[str, str, str, str, str]
"""What stands between them, before and after."""

_Key = tuple[str, Side, OrderType, TimeInForce, bool]


class OrderCommands:
    """Of one account at one market."""

    __slots__ = ("_kind", "_signing", "_templates", "_venue")

    def __init__(self, venue: str, kind: MarketKind, signing: Signing) -> None:
        self._venue, self._kind, self._signing = venue, kind, signing
        self._templates: dict[_Key, tuple[_Parts, _Parts]] = {}

    def place(self, order: NewOrder, number: int, time_ns: int) -> bytes:
        """A command by its number, made at `time_ns` of the venue. Raises as `parameters`."""
        price, quantity, signing = order.price, order.quantity, self._signing
        if signing.is_ed25519:
            asked = signing.dated(parameters(order, self._venue, self._kind), time_ns)
            return request(str(number), METHOD, asked)
        if price is None or quantity is None or not fits_template(order, self._venue):
            asked = signing.parameters(parameters(order, self._venue, self._kind), time_ns)
            return request(str(number), METHOD, asked)
        key = (order.listing.venue_symbol, order.side, order.type, order.time_in_force, order.reduce_only)
        signed, sent = self._templates.get(key) or self._template(key, order)
        name, worth, amount, time_ms = order.client_order_id, plain(price), plain(quantity), time_ns // _MS
        a, b, c, d, e = signed
        signature = signing.signature(f"{a}{name}{b}{worth}{c}{amount}{d}{time_ms}{e}".encode())
        a, b, c, d, e = sent
        return f'{{"id":"{number}",{a}{name}{b}{worth}{c}{amount}{d}{time_ms}{e}{signature}"}}}}'.encode()

    def _template(self, key: _Key, order: NewOrder) -> tuple[_Parts, _Parts]:
        """What is signed, and what is sent from the command's number to its signature."""
        told = self._signing.unsigned(parameters(order, self._venue, self._kind), 0)
        signed, sent = [""], [f'"method":"{METHOD}","params":{{']
        for name in sorted(told):
            signed[-1] += f"{name}="
            sent[-1] += f'"{name}":'
            if name in _OWN:
                quote = "" if name == "timestamp" else '"'
                sent[-1] += quote
                signed.append("")
                sent.append(quote)
            else:
                signed[-1] += str(told[name])
                sent[-1] += msgspec.json.encode(told[name]).decode()
            signed[-1] += "&"
            sent[-1] += ","
        signed[-1] = signed[-1][:-1]
        sent[-1] += '"signature":"'
        if len(self._templates) >= TEMPLATES_MAX:
            self._templates.clear()
        made = self._templates[key] = _parts(signed), _parts(sent)
        return made


def _parts(texts: list[str]) -> _Parts:
    a, b, c, d, e = texts
    return a, b, c, d, e
