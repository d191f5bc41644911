"""States, reasons and misses in plain words."""

from __future__ import annotations

from oneprice.core.states import BookState, Miss, Reason

JUST_NOW_MS = 500.0

STATES = {
    BookState.LIVE: "live",
    BookState.SYNCING: "syncing",
    BookState.GAP: "gap",
    BookState.STALE: "stale",
    BookState.CROSSED: "crossed",
    BookState.SILENT: "silent",
    BookState.HALTED: "halted",
}

REASONS = {
    Reason.NONE: "",
    Reason.WAITING: "waiting for its first book",
    Reason.SEQUENCE: "a change did not follow the one before it",
    Reason.MALFORMED: "a frame could not be read",
    Reason.OFF_GRID: "a price or size finer than the venue's rules",
    Reason.DISCONNECTED: "its connection is down",
    Reason.DISAGREES: "the book and the best bid and ask contradict each other",
    Reason.CROSSED: "bid at or above ask for too long",
    Reason.SNAPSHOT_OLD: "the snapshot is older than the first change",
    Reason.OVERFLOW: "too many changes came while waiting for a snapshot",
    Reason.REQUESTED: "a new start was asked for",
}

MISSES = {
    Miss.NONE: "",
    Miss.FEES: "the spread does not pay the fees and the wanted edge",
    Miss.LOT: "what pays is less than one lot that both sides allow",
    Miss.MIN_QUANTITY: "below the smallest quantity",
    Miss.MIN_NOTIONAL: "below the smallest order value",
}


def why_not_live(state: BookState, reason: Reason, age_ms: float) -> str:
    """Why a book may not be used, in a few words; empty when it may."""
    if state is BookState.LIVE:
        return ""
    if state is BookState.STALE:
        return f"no change for {age_ms / 1e3:.1f} s"
    if state is BookState.SILENT:
        if age_ms < JUST_NOW_MS:
            return "its connection was silent; waiting for a frame of its own"
        return f"nothing came over its connection for {age_ms / 1e3:.1f} s"
    if state is BookState.CROSSED:
        return "bid at or above ask"
    if state is BookState.HALTED:
        return "not traded"
    return REASONS[reason] or STATES[state]
