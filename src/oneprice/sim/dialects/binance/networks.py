"""Chains that Binance moves coins over, as /sapi/v1/capital/config/getall has them; fees of 2026, shortened."""

from decimal import Decimal

import msgspec

_EVM_ADDRESS = "^(0x)[0-9A-Fa-f]{40}$"
_BITCOIN_ADDRESS = "^[13][a-km-zA-HJ-NP-Z1-9]{25,34}$|^[(bc1q)|(bc1p)][0-9A-Za-z]{37,62}$"
_SOLANA_ADDRESS = "^[1-9A-HJ-NP-Za-km-z]{32,44}$"
_TRON_ADDRESS = "^T[1-9A-HJ-NP-Za-km-z]{33}$"
_RIPPLE_ADDRESS = "^r[1-9A-HJ-NP-Za-km-z]{25,34}$"


class Network(msgspec.Struct, frozen=True):
    """One way of a coin in and out. `fee` and `minimum` are in the coin; `memo` is the pattern of its tag."""

    code: str
    name: str
    fee: str
    minimum: str
    credited: int
    unlocked: int
    address: str
    memo: str = ""
    step: str = "0.00000001"


NETWORKS: dict[str, tuple[Network, ...]] = {
    "BTC": (
        Network("BTC", "Bitcoin", "0.00003", "0.0001", 1, 2, _BITCOIN_ADDRESS),
        Network("BSC", "BNB Smart Chain (BEP20)", "0.0000015", "0.000003", 15, 15, _EVM_ADDRESS),
    ),
    "ETH": (
        Network("ETH", "Ethereum (ERC20)", "0.0003", "0.001", 6, 64, _EVM_ADDRESS),
        Network("ARBITRUM", "Arbitrum One", "0.00004", "0.0008", 120, 120, _EVM_ADDRESS),
        Network("BASE", "Base", "0.00002", "0.0002", 60, 60, _EVM_ADDRESS),
    ),
    "SOL": (Network("SOL", "Solana", "0.001", "0.1", 50, 50, _SOLANA_ADDRESS),),
    "XRP": (Network("XRP", "Ripple", "0.2", "2", 1, 1, _RIPPLE_ADDRESS, "^((?!0)[0-9]{1,10})$", "0.000001"),),
    "PEPE": (Network("ETH", "Ethereum (ERC20)", "120000", "240000", 6, 64, _EVM_ADDRESS, step="1"),),
    "USDT": (
        Network("ETH", "Ethereum (ERC20)", "1.5", "10", 6, 64, _EVM_ADDRESS, step="0.000001"),
        Network("TRX", "Tron (TRC20)", "1", "5", 1, 1, _TRON_ADDRESS, step="0.000001"),
        Network("BSC", "BNB Smart Chain (BEP20)", "0.01", "10", 15, 15, _EVM_ADDRESS),
        Network("SOL", "Solana", "0.5", "5", 50, 50, _SOLANA_ADDRESS, step="0.000001"),
    ),
}


def networks_of(coin: str) -> tuple[Network, ...]:
    """A coin's networks, the default one first; a coin without an entry moves over Ethereum."""
    return NETWORKS.get(coin) or (Network("ETH", "Ethereum (ERC20)", "1", "2", 6, 64, _EVM_ADDRESS),)


def network_row(coin: str, network: Network, is_default: bool) -> dict[str, object]:
    """A row of networkList."""
    return {
        "network": network.code,
        "coin": coin,
        "entityTag": "",
        "withdrawIntegerMultiple": network.step,
        "isDefault": is_default,
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": "",
        "withdrawDesc": "",
        "specialTips": "",
        "specialWithdrawTips": "",
        "name": network.name,
        "resetAddressStatus": False,
        "addressRegex": network.address,
        "addressRule": "",
        "memoRegex": network.memo,
        "withdrawFee": network.fee,
        "withdrawMin": network.minimum,
        "withdrawMax": "9999999999.99999999",
        "withdrawInternalMin": network.minimum,
        "depositDust": network.minimum,
        "minConfirm": network.credited,
        "unLockConfirm": network.unlocked,
        "sameAddress": bool(network.memo),
        "withdrawTag": bool(network.memo),
        "estimatedArrivalTime": 5,
        "busy": False,
        "contractAddressUrl": "",
        "contractAddress": "",
        "denomination": 1,
    }


def fee_of(network: Network) -> Decimal:
    """What a withdrawal costs, in the coin."""
    return Decimal(network.fee)
