//! What the hub tells besides flags.

use crate::book::Level;
use crate::listing::Top;
use crate::scan::Open;
use crate::states::{BookState, Reason};

/// What happened, for whoever drains `events`.
#[derive(Clone, Debug)]
pub enum Event {
    /// A book changed its state.
    State {
        /// When.
        ns: i64,
        /// Whose.
        listing: u32,
        /// To what.
        state: BookState,
        /// Why.
        reason: Reason,
    },
    /// A public trade.
    Trade {
        /// When.
        ns: i64,
        /// Where.
        listing: u32,
        /// Price.
        ticks: u64,
        /// Quantity.
        lots: u64,
        /// The taker's side, 1 or -1.
        side: i8,
        /// The venue's id.
        id: String,
        /// The venue's time.
        event_ns: i64,
    },
    /// An opportunity is new.
    Opened(i64, Box<Open>),
    /// An opportunity is gone.
    Closed(i64, Box<Open>),
}

/// Bid ticks, bid lots, ask ticks, ask lots, id.
pub fn plain_top(top: &Top) -> [u64; 5] {
    let ((bid_ticks, bid_lots), (ask_ticks, ask_lots)): (Level, Level) = (top.bid, top.ask);
    [bid_ticks, bid_lots, ask_ticks, ask_lots, top.id]
}
