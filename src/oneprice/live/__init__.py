"""The real ports: the machine's clocks, randomness, network and event loop.

Nothing else in the package reads a clock, opens a socket or draws a random number.
"""

from oneprice.live.chance import LiveChance
from oneprice.live.clock import LiveClock
from oneprice.live.limits import NetworkLimits
from oneprice.live.loop import BusyPoll, LoopName, QuietGarbage, loop_factory, run
from oneprice.live.network import LiveNetwork
from oneprice.live.tls import client_context

__all__ = [
    "BusyPoll",
    "LiveChance",
    "LiveClock",
    "LiveNetwork",
    "LoopName",
    "NetworkLimits",
    "QuietGarbage",
    "client_context",
    "loop_factory",
    "run",
]
