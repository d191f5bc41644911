"""On which networks the simulated Gate takes deposits and sends withdrawals, and what that costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

__all__ = ["NETWORKS", "Network", "networks_of"]


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """One network of a currency: fee and minimum of withdrawals in the currency."""

    chain: str
    name: str
    fee: Decimal
    least: Decimal
    contract: str = ""
    decimals: int = 8
    has_tag: bool = False
    takes_deposits: bool = True
    sends_withdrawals: bool = True


def _network(chain: str, name: str, fee: str, least: str, **more: object) -> Network:
    known = {"chain": chain, "name": name, "fee": Decimal(fee), "least": Decimal(least)}
    return msgspec.convert(known | more, Network)


NETWORKS: Final[dict[str, tuple[Network, ...]]] = {
    "BTC": (
        _network("BTC", "BTC", "0.00008", "0.001"),
        _network(
            "BSC", "BSC/BEP20", "0.000005", "0.0001", decimals=18, contract="0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"
        ),
    ),
    "ETH": (
        _network("ETH", "ETH/ERC20", "0.0003", "0.002", decimals=18),
        _network("ARBEVM", "Arbitrum One", "0.0001", "0.001", decimals=18),
        _network("BASEEVM", "Base", "0.0001", "0.001", decimals=18),
        _network("OPETH", "Optimism", "0.0001", "0.001", decimals=18, sends_withdrawals=False),
    ),
    "SOL": (_network("SOL", "Solana", "0.008", "0.05"),),
    "XRP": (_network("XRP", "Ripple", "0.2", "22", has_tag=True, decimals=6),),
    "PEPE": (
        _network(
            "ETH", "ETH/ERC20", "120000", "240000", decimals=18, contract="0x6982508145454ce325ddbe47a25d4ec3d2311933"
        ),
    ),
    "USDT": (
        _network("TRX", "TRX/TRC20", "1", "2", decimals=6, contract="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        _network("ETH", "ETH/ERC20", "1.2", "5", decimals=6, contract="0xdac17f958d2ee523a2206206994597c13d831ec7"),
        _network("BSC", "BSC/BEP20", "0.05", "1", decimals=18, contract="0x55d398326f99059ff775485246999027b3197955"),
        _network("SOL", "Solana", "0.8", "2", decimals=6, contract="Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
        _network("ARBEVM", "Arbitrum One", "0.1", "1", decimals=6, takes_deposits=False),
    ),
}


def networks_of(currency: str) -> tuple[Network, ...]:
    """The networks of a currency; of one that is not in the table its own."""
    return NETWORKS.get(currency) or (_network(currency, currency, "0.1", "1"),)
