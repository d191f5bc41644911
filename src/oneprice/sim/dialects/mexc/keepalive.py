"""Closing MEXC's websockets that the client neglects: every second each session looks after itself."""

from __future__ import annotations

from typing import Protocol

from oneprice.sim.server import SimServer

__all__ = ["Watched", "watch_sessions"]


class Watched(Protocol):
    """A session with time-outs."""

    def close_when_idle(self, now_ns: int) -> None:
        """Close the connection if one of its time-outs has passed."""
        ...


def watch_sessions(server: SimServer) -> dict[Watched, None]:
    """Sessions put into the returned dict are looked after until they are taken out again."""
    sessions: dict[Watched, None] = {}

    def look_after(now_ns: int) -> None:
        for session in list(sessions):
            session.close_when_idle(now_ns)

    server.every(1_000, look_after)
    return sessions
