"""Simulated exchanges that speak the venues' real wire protocols and fail like real ones.

Reading order: `engine` matches orders of one instrument; `price` is the fair price all venues share;
`agents` trade around it; `market` puts them together; `server` is the HTTP and websocket kit; `dialects/`
holds one venue's protocol each; `serve` runs one exchange in a process and `cluster` several.

This package never imports the client side (`oneprice.venues`, `oneprice.exchange`, `oneprice.market`):
the two sides of a protocol must not share a misunderstanding.
"""
