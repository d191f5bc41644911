"""The codes that both cores share: book states, why a book is not LIVE, and what a call to the hub did."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class BookState(IntEnum):
    """What may be done with a listing's book. Only LIVE is scanned."""

    LIVE = 0
    SYNCING = 1  # waiting for its first snapshot or quote, or for a snapshot after a resync began
    GAP = 2  # continuity was lost; needs a snapshot
    STALE = 3  # no update of this listing for longer than allowed
    CROSSED = 4  # best bid at or above best ask
    SILENT = 5  # nothing at all came over its connection for longer than allowed
    HALTED = 6  # the venue says that it does not trade


class Reason(IntEnum):
    """Why a book left LIVE, or has not reached it."""

    NONE = 0
    WAITING = 1  # no snapshot or quote yet
    SEQUENCE = 2  # a change did not follow its predecessor
    MALFORMED = 3  # a frame could not be decoded
    OFF_GRID = 4  # a price or quantity finer than the listing's rules: refresh the rules
    DISCONNECTED = 5  # its connection is down
    DISAGREES = 6  # the book and the best-bid-ask stream contradict each other
    CROSSED = 7  # crossed for longer than allowed
    SNAPSHOT_OLD = 8  # the snapshot does not reach the first buffered change: fetch a newer one
    OVERFLOW = 9  # more changes were buffered than allowed while waiting for a snapshot
    REQUESTED = 10  # a resync was asked for


class Flag(IntFlag):
    """What one call to the hub did. Details wait in `events()`."""

    TOP = 1  # the best bid or ask of a listing changed
    STATE = 2  # a book changed its state
    OPPORTUNITY = 4  # an opportunity opened, changed or closed
    CONTROL = 8  # the frame is not market data: for the venue's codec
    TRADE = 16  # trades are waiting
    MALFORMED = 32  # the frame, or a part of it, was not understood
    QUOTE = 128  # a best bid and ask was taken in
    UNKNOWN = 64  # market data of a symbol that nobody asked for


class Miss(IntEnum):
    """Why a pair or a cycle is not an opportunity."""

    NONE = 0
    NOT_LIVE = 1  # a book is not LIVE
    FEES = 2  # the spread does not survive the fees and the wanted edge
    LOT = 3  # the profitable depth is below one common lot of both legs
    MIN_QUANTITY = 4
    MIN_NOTIONAL = 5
