//! Codes shared with the Python side (`oneprice.core.states`).

/// What may be done with a listing's book. Only `Live` is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BookState {
    /// Provably right.
    Live = 0,
    /// Waiting for its first snapshot or quote, or for the snapshot of a resync.
    Syncing = 1,
    /// Continuity was lost.
    Gap = 2,
    /// No update for longer than allowed.
    Stale = 3,
    /// Best bid at or above best ask.
    Crossed = 4,
    /// Nothing came over its connection for longer than allowed.
    Silent = 5,
    /// The venue says that it does not trade.
    Halted = 6,
}

/// Why a book left `Live`, or has not reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Nothing is wrong.
    None = 0,
    /// No snapshot or quote yet.
    Waiting = 1,
    /// A change did not follow its predecessor.
    Sequence = 2,
    /// A frame could not be decoded.
    Malformed = 3,
    /// A price or quantity finer than the listing's grid.
    OffGrid = 4,
    /// Its connection is down.
    Disconnected = 5,
    /// The book and the best-bid-ask stream contradict each other.
    Disagrees = 6,
    /// Crossed for longer than allowed.
    Crossed = 7,
    /// The snapshot does not reach the first buffered change.
    SnapshotOld = 8,
    /// Too many changes were buffered while waiting.
    Overflow = 9,
    /// A resync was asked for.
    Requested = 10,
}

impl Reason {
    /// The reason with this code, if there is one.
    pub fn from_code(code: u8) -> Option<Reason> {
        use Reason::*;
        let all = [
            None,
            Waiting,
            Sequence,
            Malformed,
            OffGrid,
            Disconnected,
            Disagrees,
            Crossed,
            SnapshotOld,
            Overflow,
            Requested,
        ];
        all.get(code as usize).copied()
    }
}

/// What one call to the hub did, as bits.
pub mod flag {
    /// The best bid or ask of a listing changed.
    pub const TOP: u32 = 1;
    /// A book changed its state.
    pub const STATE: u32 = 2;
    /// An opportunity opened, changed or closed.
    pub const OPPORTUNITY: u32 = 4;
    /// The frame is not market data.
    pub const CONTROL: u32 = 8;
    /// Trades are waiting.
    pub const TRADE: u32 = 16;
    /// The frame, or a part of it, was not understood.
    pub const MALFORMED: u32 = 32;
    /// Market data of a symbol that nobody asked for.
    pub const UNKNOWN: u32 = 64;
    /// A best bid and ask was taken in.
    pub const QUOTE: u32 = 128;
}

/// Why a pair or cycle is not an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Miss {
    /// A book is not live.
    NotLive = 1,
    /// The spread does not survive fees and the wanted edge.
    Fees = 2,
    /// The profitable depth is below one common lot.
    Lot = 3,
    /// Below a venue's minimum quantity.
    MinQuantity = 4,
    /// Below a venue's minimum notional.
    MinNotional = 5,
}
