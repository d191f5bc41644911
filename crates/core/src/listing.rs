//! One listing's book and quote, and the certificate that says whether they may be used (`oneprice.core.listing`).

use crate::book::{Level, Side};
use crate::decode::QuoteRead;
use crate::levels::Grids;
use crate::number::Grid;
use crate::specs::{HubConfig, ListingSpec, Source};
use crate::states::{BookState, Reason};
use std::collections::VecDeque;

const QUOTES_KEPT: usize = 64;

/// A change in ticks and lots; `previous` is None for a whole book.
#[derive(Clone, Debug)]
pub struct Update {
    /// Number before the change.
    pub previous: Option<u64>,
    /// Last number of the change.
    pub last: u64,
    /// Bids.
    pub bids: Vec<Level>,
    /// Asks.
    pub asks: Vec<Level>,
}

/// Best bid and ask in ticks and lots, 0 and 0 for an empty side, and the venue's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
    /// The venue's number, 0 when it has none.
    pub id: u64,
}

/// What happened to one listing's frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Comparisons of book and quote that agreed.
    pub agreements: u64,
    /// Changes applied.
    pub applied: u64,
    /// Comparisons that did not agree.
    pub disagreements: u64,
    /// Changes and quotes older than what was known.
    pub dropped: u64,
    /// Depth frames.
    pub frames: u64,
    /// Times that continuity was lost.
    pub gaps: u64,
    /// Frames that were not understood.
    pub malformed: u64,
    /// Quotes taken in.
    pub quotes: u64,
    /// Snapshots taken in.
    pub snapshots: u64,
}

impl Counts {
    /// Names and values, in alphabetical order.
    pub fn entries(&self) -> [(&'static str, u64); 9] {
        [
            ("agreements", self.agreements),
            ("applied", self.applied),
            ("disagreements", self.disagreements),
            ("dropped", self.dropped),
            ("frames", self.frames),
            ("gaps", self.gaps),
            ("malformed", self.malformed),
            ("quotes", self.quotes),
            ("snapshots", self.snapshots),
        ]
    }
}

/// State of one listing.
#[derive(Debug)]
pub struct Listing {
    /// What it was told.
    pub spec: ListingSpec,
    /// Bid levels.
    pub bids: Side,
    /// Ask levels.
    pub asks: Side,
    /// Counters.
    pub counts: Counts,
    /// What the sequence numbers prove.
    pub base: BookState,
    /// Why `base` is not live.
    pub reason: Reason,
    /// Its connections are silent.
    pub silent: bool,
    /// It was not updated for too long.
    pub stale: bool,
    /// The venue does not trade it.
    pub halted: bool,
    /// Number of the last change.
    pub sequence: u64,
    /// When it was last updated.
    pub updated_ns: i64,
    /// The venue's time of that.
    pub event_ns: i64,
    /// Last quote.
    pub quote: Top,
    /// The top that counts.
    pub top: Top,
    /// The top that was last scanned.
    pub(crate) scanned_top: Top,
    /// Levels a side beyond which the venue does not speak.
    pub levels_max: usize,
    crossed_since_ns: Option<i64>,
    sampled: bool,
    buffer: VecDeque<Update>,
    quotes: VecDeque<Top>,
    check_due: bool,
    disagreed: u32,
    stale_after_ns: i64,
    crossed_after_ns: i64,
    buffered_max: usize,
    disagreements_max: u32,
}

impl Listing {
    /// A listing that waits for its first snapshot or quote.
    pub fn new(spec: ListingSpec, config: &HubConfig) -> Listing {
        Listing {
            bids: Side::new(true),
            asks: Side::new(false),
            counts: Counts::default(),
            base: BookState::Syncing,
            reason: Reason::Waiting,
            silent: false,
            stale: false,
            halted: false,
            sequence: 0,
            updated_ns: 0,
            event_ns: 0,
            quote: Top::default(),
            top: Top::default(),
            scanned_top: Top::default(),
            levels_max: 0,
            crossed_since_ns: None,
            sampled: false,
            buffer: VecDeque::new(),
            quotes: VecDeque::with_capacity(QUOTES_KEPT),
            check_due: false,
            disagreed: 0,
            stale_after_ns: if spec.stale_after_ns == 0 { config.stale_after_ns } else { spec.stale_after_ns },
            crossed_after_ns: config.crossed_after_ns,
            buffered_max: config.buffered_max,
            disagreements_max: config.disagreements_max,
            spec,
        }
    }

    /// Grids of price and quantity.
    pub(crate) fn grids(spec: &ListingSpec) -> Grids {
        (
            Grid { decimals: spec.price_decimals, unit: spec.price_unit, zero: false },
            Grid { decimals: spec.quantity_decimals, unit: spec.quantity_unit, zero: true },
        )
    }

    /// The one state that counts.
    #[inline]
    pub fn state(&self) -> BookState {
        if self.halted {
            BookState::Halted
        } else if self.base != BookState::Live {
            self.base
        } else if self.silent {
            BookState::Silent
        } else if self.stale {
            BookState::Stale
        } else if self.crossed_since_ns.is_some() {
            BookState::Crossed
        } else {
            BookState::Live
        }
    }

    /// A change or whole book from the stream.
    #[inline]
    pub(crate) fn on_update(&mut self, previous: Option<u64>, last: u64, bids: &[Level], asks: &[Level], now_ns: i64) {
        self.counts.frames += 1;
        if self.base == BookState::Live {
            if last <= self.sequence {
                self.counts.dropped += 1;
            } else {
                self.heard(now_ns);
                self.follow(previous, last, bids, asks);
            }
        } else {
            self.heard(now_ns);
            if previous.is_none() {
                self.load(last, bids, asks);
                self.counts.applied += 1;
            } else {
                self.hold(previous, last, bids, asks);
            }
        }
        self.settle(now_ns, false);
    }

    /// A whole book from REST, followed by the changes that were held for it.
    pub(crate) fn on_snapshot(&mut self, last: u64, bids: &[Level], asks: &[Level], now_ns: i64) {
        self.counts.snapshots += 1;
        if self.base == BookState::Live && last <= self.sequence {
            return;
        }
        let mut held = std::mem::take(&mut self.buffer);
        self.load(last, bids, asks);
        let mut first = true;
        while let Some(change) = held.front() {
            if change.last > self.sequence {
                if change.previous.is_some_and(|previous| previous > self.sequence) {
                    if first {
                        self.lose_base(Reason::SnapshotOld);
                        self.base = BookState::Syncing;
                    } else {
                        self.counts.gaps += 1;
                        self.lose_base(Reason::Sequence);
                    }
                    self.buffer = held;
                    break;
                }
                let (last, bids, asks) = (change.last, &change.bids, &change.asks);
                apply(&mut self.bids, &mut self.asks, bids, asks, self.levels_max);
                self.sequence = last;
                self.counts.applied += 1;
                first = false;
            } else {
                self.counts.dropped += 1;
            }
            held.pop_front();
        }
        self.heard(now_ns);
        self.settle(now_ns, false);
    }

    /// Continuity is lost, or cannot be proven any more. What was held is forgotten.
    pub(crate) fn lose(&mut self, reason: Reason) {
        self.buffer.clear();
        self.lose_base(reason);
        if matches!(reason, Reason::Disconnected | Reason::Malformed | Reason::OffGrid) {
            self.quote = Top::default();
            self.quotes.clear();
        }
        self.choose_top(false);
    }

    /// A snapshot is on its way: start over, holding the changes that come meanwhile.
    pub(crate) fn begin_sync(&mut self) {
        self.base = BookState::Syncing;
        self.reason = Reason::Waiting;
        self.bids.clear();
        self.asks.clear();
        self.sequence = 0;
        self.crossed_since_ns = None;
        self.choose_top(false);
    }

    /// A best bid and ask. False when it is older than the one before and was dropped.
    #[inline]
    pub(crate) fn on_quote(&mut self, read: &QuoteRead, linked: bool, sampled: bool, now_ns: i64) -> bool {
        let quote = Top { bid: read.bid, ask: read.ask, id: read.id };
        if quote.id != 0 && quote.id < self.quote.id {
            self.counts.dropped += 1;
            return false;
        }
        self.counts.quotes += 1;
        self.heard(now_ns);
        if self.spec.depth && (linked || sampled) {
            self.sampled = sampled;
            if sampled {
                if quote.id == self.sequence && self.base == BookState::Live {
                    self.judge(quote);
                }
            } else {
                self.compare_before(quote);
            }
            if self.quotes.len() == QUOTES_KEPT {
                self.quotes.pop_front();
            }
            self.quotes.push_back(quote);
        } else if !self.spec.depth && self.base != BookState::Live {
            self.base = BookState::Live;
            self.reason = Reason::None;
        }
        self.quote = quote;
        self.settle(now_ns, !(linked || sampled));
        true
    }

    /// A frame of its own has come. Quotes may have been lost meanwhile, so that the ones kept prove nothing.
    #[inline]
    pub(crate) fn end_silence(&mut self) {
        if self.silent {
            self.silent = false;
            self.check_due = false;
            self.quotes.clear();
        }
    }

    /// Let time pass: staleness, and a book that stays crossed.
    pub(crate) fn age(&mut self, now_ns: i64) {
        if self.base != BookState::Live {
            return;
        }
        self.stale = now_ns - self.updated_ns > self.stale_after_ns;
        if let Some(since) = self.crossed_since_ns {
            if now_ns - since > self.crossed_after_ns && self.spec.depth {
                self.counts.gaps += 1;
                self.lose(Reason::Crossed);
            }
        }
    }

    fn follow(&mut self, previous: Option<u64>, last: u64, bids: &[Level], asks: &[Level]) {
        match previous {
            None => {
                self.load(last, bids, asks);
                self.counts.applied += 1;
            }
            Some(before) if before > self.sequence => {
                self.counts.gaps += 1;
                self.lose_base(Reason::Sequence);
                self.hold(previous, last, bids, asks);
            }
            Some(_) => {
                apply(&mut self.bids, &mut self.asks, bids, asks, self.levels_max);
                self.sequence = last;
                self.counts.applied += 1;
                self.compare_after();
            }
        }
    }

    fn load(&mut self, last: u64, bids: &[Level], asks: &[Level]) {
        self.bids.clear();
        self.asks.clear();
        apply(&mut self.bids, &mut self.asks, bids, asks, 0);
        self.sequence = last;
        self.base = BookState::Live;
        self.reason = Reason::None;
        self.buffer.clear();
        self.check_due = false;
        self.disagreed = 0;
    }

    fn hold(&mut self, previous: Option<u64>, last: u64, bids: &[Level], asks: &[Level]) {
        if self.buffer.len() >= self.buffered_max {
            self.buffer.clear();
            self.reason = Reason::Overflow;
        }
        self.buffer.push_back(Update { previous, last, bids: bids.to_vec(), asks: asks.to_vec() });
    }

    fn lose_base(&mut self, reason: Reason) {
        self.base = BookState::Gap;
        self.reason = reason;
        self.check_due = false;
        self.disagreed = 0;
        self.crossed_since_ns = None;
    }

    fn heard(&mut self, now_ns: i64) {
        self.updated_ns = now_ns;
        self.stale = false;
    }

    #[inline]
    fn settle(&mut self, now_ns: i64, quoted: bool) {
        self.choose_top(quoted);
        let Top { bid, ask, .. } = self.top;
        if !(bid.1 != 0 && ask.1 != 0 && bid.0 >= ask.0) {
            self.crossed_since_ns = None;
        } else if self.crossed_since_ns.is_none() && self.base == BookState::Live {
            self.crossed_since_ns = Some(now_ns);
        }
    }

    #[inline]
    fn choose_top(&mut self, quoted: bool) {
        let newer = quoted || self.quote.id > self.sequence;
        if !self.spec.depth || self.spec.source == Source::Quote || self.spec.source == Source::Newer && newer {
            self.top = self.quote;
            return;
        }
        self.top = self.book_top();
    }

    #[inline]
    fn book_top(&self) -> Top {
        Top { bid: self.bids.top().unwrap_or_default(), ask: self.asks.top().unwrap_or_default(), id: self.sequence }
    }

    /// After a change of the book: the quote in force at its number must be its top.
    #[inline]
    fn compare_after(&mut self) {
        let mut following = false;
        let mut index = self.quotes.len();
        while index > 0 {
            index -= 1;
            let quote = self.quotes[index];
            if quote.id <= self.sequence {
                if self.sampled {
                    if quote.id == self.sequence {
                        self.judge(quote);
                    }
                } else if following {
                    self.judge(quote);
                } else {
                    self.check_due = true;
                }
                return;
            }
            following = true;
        }
    }

    #[inline]
    fn compare_before(&mut self, coming: Top) {
        if self.check_due && coming.id > self.sequence && self.base == BookState::Live {
            self.check_due = false;
            if let Some(&quote) = self.quotes.back() {
                if quote.id <= self.sequence {
                    self.judge(quote);
                }
            }
        }
    }

    fn judge(&mut self, quote: Top) {
        if quote.bid.0 != 0 && quote.bid.1 == 0 || quote.ask.0 != 0 && quote.ask.1 == 0 {
            return;
        }
        let book = self.book_top();
        if quote.bid == book.bid && quote.ask == book.ask {
            self.counts.agreements += 1;
            self.disagreed = 0;
            return;
        }
        self.counts.disagreements += 1;
        self.disagreed += 1;
        if self.disagreed >= self.disagreements_max {
            self.counts.gaps += 1;
            self.buffer.clear();
            self.lose_base(Reason::Disagrees);
        }
    }
}

#[inline]
fn apply(bid_side: &mut Side, ask_side: &mut Side, bids: &[Level], asks: &[Level], levels_max: usize) {
    for &(ticks, lots) in bids {
        bid_side.set(ticks, lots);
    }
    for &(ticks, lots) in asks {
        ask_side.set(ticks, lots);
    }
    if levels_max != 0 {
        bid_side.prune(levels_max);
        ask_side.prune(levels_max);
    }
}
