"""Simulated exchanges that speak the venues' real wire protocols and fail like real ones.

Reading order, prices: `engine` matches orders of one instrument; `price` is the fair price all venues share; `agents`
trade around it; `market` puts them together. Trading: `accounts` and `orders` are the data; `desk` takes a market's
orders: `ticket_check` refuses, `floor` matches and reports, `spot_money` or `margin` books, `order_store` remembers.
The wire: `server` is the HTTP and websocket kit, `connection` one websocket, `faults` what can go wrong, `control` the
way to switch it; `dialects/` holds one venue's protocol each; `serve` runs one exchange in a process, `cluster` more.

This package never imports the client side (`oneprice.venues`, `oneprice.exchange`, `oneprice.market`):
the two sides of a protocol must not share a misunderstanding.
"""
