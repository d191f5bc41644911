"""On which networks the simulated MEXC takes and sends coins. Requests carry `netWork`; `network` is for the eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

__all__ = ["NETWORKS", "Network"]


class Network(msgspec.Struct, frozen=True):
    """One coin on one network; amounts in the coin. `needs_memo`: an address alone does not find the account."""

    code: str
    shown: str
    fee: str
    least: str
    most: str
    confirmations: int
    contract: str | None = None
    needs_memo: bool = False
    takes: bool = True
    sends: bool = True


_ETHEREUM: Final = "Ethereum(ERC20)"
NETWORKS: Final[Mapping[str, Sequence[Network]]] = {
    "USDT": (
        Network("ETH", _ETHEREUM, "1", "10", "5000000", 32, "0xdac17f958d2ee523a2206206994597c13d831ec7"),
        Network("TRX", "Tron(TRC20)", "1", "5", "5000000", 20, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        Network("BSC", "BNB Smart Chain(BEP20)", "0", "5", "5000000", 15, "0x55d398326f99059ff775485246999027b3197955"),
        Network("SOL", "Solana(SOL)", "0.5", "5", "5000000", 100, "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    ),
    "BTC": (
        Network("BTC", "Bitcoin(BTC)", "0.0001", "0.001", "50", 2),
        Network(
            "BSC",
            "BNB Smart Chain(BEP20)",
            "0.00001",
            "0.0001",
            "100",
            15,
            "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c",
            sends=False,
        ),
    ),
    "ETH": (
        Network("ETH", _ETHEREUM, "0.0005", "0.005", "2000", 32),
        Network("ARB", "Arbitrum One(ARB)", "0.0001", "0.005", "2000", 120),
    ),
    "SOL": (Network("SOL", "Solana(SOL)", "0.005", "0.05", "30000", 100),),
    "XRP": (Network("XRP", "Ripple(XRP)", "0.2", "2", "2000000", 6, needs_memo=True),),
    "PEPE": (
        Network("ETH", _ETHEREUM, "300000", "600000", "100000000000", 32, "0x6982508145454ce325ddbe47a25d4ec3d2311933"),
    ),
}
