//! The hub: frames in, certified books and opportunities out. One call a frame (`oneprice.core.hub`).

use crate::cycles::LEGS_MAX;
use crate::decode::{Bound, Decoder, Found};
use crate::describe::Message;
use crate::event::{Event, plain_top};
use crate::fault::Fault;
use crate::feed::Feed;
use crate::json::FrameError;
use crate::levels::Grids;
use crate::listing::Listing;
use crate::scan::{Happened, Near, Open, Scan};
use crate::sizing::Step;
use crate::specs::{HubConfig, ListingSpec};
use crate::states::{BookState, Reason, flag};
use std::collections::{BTreeSet, VecDeque};

/// Books and scan of many listings, fed by many connections.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    listings: Vec<Listing>,
    grids: Vec<Grids>,
    feeds: Vec<Feed>,
    snapshots: Vec<Decoder>,
    scan: Scan,
    events: VecDeque<Event>,
    happened: Vec<Happened>,
    flags: u32,
    /// Events that were dropped because nobody fetched them.
    pub events_lost: u64,
    /// Listing of the last frame.
    pub listing_of_frame: Option<u32>,
    /// Message of the last frame.
    pub message_of_frame: Option<usize>,
}

impl Hub {
    /// A hub with limits (JSON).
    pub fn new(config: &[u8]) -> Result<Hub, String> {
        let config: HubConfig = serde_json::from_slice(config).map_err(|error| error.to_string())?;
        Ok(Hub {
            scan: Scan::new(config.min_net_bps),
            config,
            listings: Vec::new(),
            grids: Vec::new(),
            feeds: Vec::new(),
            snapshots: Vec::new(),
            events: VecDeque::new(),
            happened: Vec::new(),
            flags: 0,
            events_lost: 0,
            listing_of_frame: None,
            message_of_frame: None,
        })
    }

    /// Number of listings.
    pub fn listings(&self) -> usize {
        self.listings.len()
    }

    /// Number of streams.
    pub fn streams(&self) -> usize {
        self.feeds.len()
    }

    /// Number of snapshot descriptions.
    pub fn snapshot_descriptions(&self) -> usize {
        self.snapshots.len()
    }

    /// Takes in a listing (JSON); gives its number.
    pub fn add_listing(&mut self, spec: &[u8]) -> Result<u32, String> {
        let spec: ListingSpec = serde_json::from_slice(spec).map_err(|error| error.to_string())?;
        self.grids.push(Listing::grids(&spec));
        let listing = Listing::new(spec, &self.config);
        self.scan.add(&listing);
        self.listings.push(listing);
        Ok(self.listings.len() as u32 - 1)
    }

    /// Takes in a stream description (JSON) for one connection; gives the stream's number.
    pub fn add_stream(&mut self, description: &[u8]) -> Result<usize, String> {
        let decoder = Decoder::new(description, self.config.levels_per_frame_max)?;
        let bound = Bound::new(decoder.messages().count());
        let listings = BTreeSet::new();
        self.feeds.push(Feed { decoder, bound, listings, up: true, silent: false, heard_ns: -1 });
        Ok(self.feeds.len() - 1)
    }

    /// Takes in a snapshot description (JSON); gives its number.
    pub fn add_snapshot(&mut self, description: &[u8]) -> Result<usize, String> {
        self.snapshots.push(Decoder::new(description, self.config.levels_per_frame_max)?);
        Ok(self.snapshots.len() - 1)
    }

    /// Messages of a name with a symbol are a listing's.
    pub fn bind(&mut self, stream: usize, message: &str, symbol: &str, listing: u32) -> Result<(), String> {
        let feed = &mut self.feeds[stream];
        let index = feed.decoder.messages().position(|described| described.name() == message);
        let index = index.ok_or_else(|| format!("the stream describes no message '{message}'"))?;
        feed.bound.insert(index, symbol, listing);
        let described = feed.decoder.message(index);
        if !matches!(described, Message::Trades(_)) {
            feed.listings.insert(listing);
        }
        if let Message::Depth(depth) = described {
            if depth.levels_max > 0 {
                self.listings[listing as usize].levels_max = depth.levels_max;
            }
        }
        Ok(())
    }

    /// The stream no longer carries a symbol.
    pub fn unbind(&mut self, stream: usize, symbol: &str) {
        let feed = &mut self.feeds[stream];
        feed.bound.remove(symbol);
        feed.listings.clear();
        for (index, message) in feed.decoder.messages().enumerate() {
            if !matches!(message, Message::Trades(_)) {
                feed.listings.extend(feed.bound.listings(index));
            }
        }
    }

    /// Watches a cycle; gives its number.
    pub fn add_cycle(&mut self, steps: &[Step]) -> Result<u32, String> {
        if !(2..=LEGS_MAX).contains(&steps.len()) {
            return Err(format!("a cycle has 2 to {LEGS_MAX} legs, got {}", steps.len()));
        }
        for (listing, side) in steps {
            if *listing as usize >= self.listings.len() || side.abs() != 1 {
                return Err(format!("a leg is a known listing and 1 or -1, got {listing}, {side}"));
            }
        }
        Ok(self.scan.add_cycle(steps))
    }

    // ------------------------------------------------------------------ feeding

    /// A frame as it came from the socket. Gives flags.
    #[inline]
    pub fn on_frame(&mut self, stream: usize, frame: &[u8], now_ns: i64) -> u32 {
        self.flags = 0;
        self.listing_of_frame = None;
        self.message_of_frame = None;
        if self.read(stream, frame, now_ns).is_err() {
            self.flags |= flag::MALFORMED;
            self.listing_of_frame = None;
            self.message_of_frame = None;
            let feed = &mut self.feeds[stream];
            feed.heard(now_ns);
            let fed: Vec<u32> = feed.listings.iter().copied().collect();
            for number in fed {
                self.listings[number as usize].counts.malformed += 1;
                self.lose_one(number, Reason::Malformed, now_ns);
            }
        }
        self.flags
    }

    /// The body of a REST depth answer. Gives flags.
    pub fn on_snapshot(&mut self, listing: u32, snapshot: usize, body: &[u8], now_ns: i64) -> u32 {
        self.flags = 0;
        let decoder = &mut self.snapshots[snapshot];
        let grids = &self.grids[listing as usize];
        let head = match decoder.read_snapshot(body, grids) {
            Ok(()) => decoder.depth(body, 0, grids),
            Err(FrameError) => Err(Fault::Frame),
        };
        match head {
            Err(fault) => self.spoiled(listing, fault, now_ns, true),
            Ok(head) => {
                let target = &mut self.listings[listing as usize];
                let before = target.state();
                let [bids, asks] = &decoder.sides;
                target.on_snapshot(head.last, &bids.levels, &asks.levels, now_ns);
                self.after(listing, before, now_ns);
            }
        }
        self.flags
    }

    /// A snapshot was asked for: the book starts over.
    pub fn begin_sync(&mut self, listing: u32, now_ns: i64) -> u32 {
        self.change(listing, now_ns, Listing::begin_sync)
    }

    /// Takes a book out of live.
    pub fn lose(&mut self, listing: u32, reason: Reason, now_ns: i64) -> u32 {
        self.change(listing, now_ns, |target| target.lose(reason))
    }

    /// The venue says whether the listing trades.
    pub fn set_halted(&mut self, listing: u32, halted: bool, now_ns: i64) -> u32 {
        self.change(listing, now_ns, |target| target.halted = halted)
    }

    /// The connection is gone.
    pub fn stream_down(&mut self, stream: usize, now_ns: i64) -> u32 {
        self.flags = 0;
        self.feeds[stream].up = false;
        let fed: Vec<u32> = self.feeds[stream].listings.iter().copied().collect();
        for number in fed {
            if !self.feeds.iter().any(|other| other.carries(number)) {
                self.lose_one(number, Reason::Disconnected, now_ns);
            }
        }
        self.flags
    }

    /// The connection is there again; it counts once it has been heard.
    pub fn stream_up(&mut self, stream: usize) {
        let feed = &mut self.feeds[stream];
        feed.up = true;
        feed.silent = false;
        feed.heard_ns = -1;
    }

    /// Let time pass.
    pub fn tick(&mut self, now_ns: i64) -> u32 {
        self.flags = 0;
        let before: Vec<BookState> = self.listings.iter().map(Listing::state).collect();
        for feed in &mut self.feeds {
            if feed.heard_ns >= 0 && feed.up && !feed.silent {
                feed.silent = now_ns - feed.heard_ns > self.config.silent_after_ns;
            }
        }
        for feed in self.feeds.iter().filter(|feed| feed.up && feed.silent) {
            for &number in &feed.listings {
                let heard = self.feeds.iter().any(|other| !other.silent && other.carries(number));
                self.listings[number as usize].silent = !heard;
            }
        }
        for (number, before) in before.into_iter().enumerate() {
            self.listings[number].age(now_ns);
            self.after(number as u32, before, now_ns);
        }
        self.flags
    }

    // ------------------------------------------------------------------ looking

    /// A listing.
    pub fn listing(&self, number: u32) -> &Listing {
        &self.listings[number as usize]
    }

    /// What happened since the last call.
    pub fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// What stands now, by key.
    pub fn opportunities(&self) -> impl Iterator<Item = &Open> {
        self.scan.opportunities()
    }

    /// The nearest misses.
    pub fn near(&self, count: usize) -> Vec<Near> {
        self.scan.near(&self.listings, count)
    }

    /// A digest of all that can be seen of a listing; equal in both cores.
    pub fn listing_hash(&self, number: u32) -> u64 {
        let target = &self.listings[number as usize];
        let mut digest = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |word: u64| digest = (digest ^ word).wrapping_mul(0x100_0000_01b3);
        add(target.state() as u64);
        add(target.reason as u64);
        add(target.sequence);
        for top in [&target.top, &target.quote] {
            for word in plain_top(top) {
                add(word);
            }
        }
        add((target.bids.len() + target.asks.len()) as u64);
        for side in [&target.bids, &target.asks] {
            for (ticks, lots) in side.ladder(side.len()) {
                add(ticks);
                add(lots);
            }
        }
        for (_, value) in target.counts.entries() {
            add(value);
        }
        digest
    }

    // ------------------------------------------------------------------ inside

    #[inline]
    fn read(&mut self, stream: usize, frame: &[u8], now_ns: i64) -> Result<(), FrameError> {
        let feed = &mut self.feeds[stream];
        let found = feed.decoder.read(frame, &feed.bound, &self.grids)?;
        let (index, number) = match found {
            Found::Control => {
                self.flags |= flag::CONTROL;
                return Ok(());
            }
            Found::Unknown(index) => {
                self.flags |= flag::UNKNOWN;
                self.message_of_frame = Some(index);
                feed.heard(now_ns);
                return Ok(());
            }
            Found::Mixed(index) => {
                self.message_of_frame = Some(index);
                feed.heard(now_ns);
                return self.on_mixed_trades(stream, frame, index, now_ns);
            }
            Found::Known(index, number) => (index, number),
        };
        feed.heard(now_ns);
        self.message_of_frame = Some(index);
        self.listing_of_frame = Some(number);
        let fault = match feed.decoder.message(index) {
            Message::Depth(_) => self.on_depth(stream, frame, index, number, now_ns),
            Message::Quote(quote) => {
                let (linked, sampled) = (quote.linked, quote.sampled);
                self.on_quote(stream, frame, index, number, linked, sampled, now_ns)
            }
            Message::Trades(_) => {
                if let Err(fault) = self.on_trades(stream, frame, index, number, now_ns) {
                    if fault == Fault::Frame {
                        return Err(FrameError);
                    }
                    self.spoiled(number, fault, now_ns, false);
                }
                return Ok(());
            }
        };
        match fault {
            Ok(()) => Ok(()),
            Err(Fault::Frame) => Err(FrameError),
            Err(fault) => {
                self.spoiled(number, fault, now_ns, true);
                Ok(())
            }
        }
    }

    #[inline]
    fn on_depth(&mut self, stream: usize, frame: &[u8], index: usize, number: u32, now_ns: i64) -> Result<(), Fault> {
        let decoder = &mut self.feeds[stream].decoder;
        let head = decoder.depth(frame, index, &self.grids[number as usize])?;
        let target = &mut self.listings[number as usize];
        let before = target.state();
        let [bids, asks] = &decoder.sides;
        target.end_silence();
        target.on_update(head.previous, head.last, &bids.levels, &asks.levels, now_ns);
        target.event_ns = head.event_ns;
        self.after(number, before, now_ns);
        Ok(())
    }

    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn on_quote(
        &mut self,
        stream: usize,
        frame: &[u8],
        index: usize,
        number: u32,
        linked: bool,
        sampled: bool,
        now_ns: i64,
    ) -> Result<(), Fault> {
        let quote = self.feeds[stream].decoder.quote(frame, index, &self.grids[number as usize])?;
        let target = &mut self.listings[number as usize];
        let before = target.state();
        target.end_silence();
        if target.on_quote(&quote, linked, sampled, now_ns) {
            target.event_ns = quote.event_ns;
            self.flags |= flag::QUOTE;
        }
        self.after(number, before, now_ns);
        Ok(())
    }

    fn on_trades(&mut self, stream: usize, frame: &[u8], index: usize, number: u32, now_ns: i64) -> Result<(), Fault> {
        let decoder = &self.feeds[stream].decoder;
        let grids = &self.grids[number as usize];
        let mut rows = Vec::new();
        for trade in decoder.trades(frame, index)? {
            rows.push(trade.count(grids)?);
        }
        for trade in rows {
            self.tell_trade(number, trade, now_ns);
        }
        Ok(())
    }

    fn on_mixed_trades(&mut self, stream: usize, frame: &[u8], index: usize, now_ns: i64) -> Result<(), FrameError> {
        let feed = &self.feeds[stream];
        let trades = match feed.decoder.trades(frame, index) {
            Ok(trades) => trades,
            Err(Fault::Frame) => return Err(FrameError),
            Err(_) => {
                self.flags |= flag::MALFORMED;
                return Ok(());
            }
        };
        let rows: Vec<_> = trades
            .iter()
            .map(|trade| {
                let owner = Decoder::owner(&feed.bound, index, trade);
                owner.map(|number| (number, trade.count(&self.grids[number as usize])))
            })
            .collect();
        for row in rows {
            match row {
                None => self.flags |= flag::UNKNOWN,
                Some((number, Ok(trade))) => self.tell_trade(number, trade, now_ns),
                Some((number, Err(fault))) => self.spoiled(number, fault, now_ns, false),
            }
        }
        Ok(())
    }

    fn tell_trade(&mut self, listing: u32, trade: crate::decode::TradeRead, now_ns: i64) {
        let crate::decode::TradeRead { ticks, lots, side, id, event_ns } = trade;
        self.tell(Event::Trade { ns: now_ns, listing, ticks, lots, side, id, event_ns }, flag::TRADE);
    }

    #[cold]
    fn spoiled(&mut self, number: u32, fault: Fault, now_ns: i64, book: bool) {
        self.flags |= flag::MALFORMED;
        self.listings[number as usize].counts.malformed += 1;
        if book {
            let reason = if fault == Fault::Off { Reason::OffGrid } else { Reason::Malformed };
            self.lose_one(number, reason, now_ns);
        }
    }

    fn change(&mut self, number: u32, now_ns: i64, change: impl FnOnce(&mut Listing)) -> u32 {
        self.flags = 0;
        let target = &mut self.listings[number as usize];
        let before = target.state();
        change(target);
        self.after(number, before, now_ns);
        self.flags
    }

    fn lose_one(&mut self, number: u32, reason: Reason, now_ns: i64) {
        let target = &mut self.listings[number as usize];
        let before = target.state();
        target.lose(reason);
        self.after(number, before, now_ns);
    }

    /// Tells of a new state, and scans when the top or the state changed.
    #[inline]
    fn after(&mut self, number: u32, before: BookState, now_ns: i64) {
        let target = &mut self.listings[number as usize];
        let state = target.state();
        let top = target.top;
        if state == before && top == target.scanned_top {
            return;
        }
        if top.bid != target.scanned_top.bid || top.ask != target.scanned_top.ask {
            self.flags |= flag::TOP;
        }
        target.scanned_top = top;
        if state != before {
            let reason = target.reason;
            self.tell(Event::State { ns: now_ns, listing: number, state, reason }, flag::STATE);
        }
        let live = state == BookState::Live;
        self.scan.changed(number, live, &top, &self.listings, now_ns, &mut self.happened);
        if !self.happened.is_empty() {
            self.tell_happened(now_ns);
        }
    }

    #[cold]
    fn tell_happened(&mut self, now_ns: i64) {
        self.flags |= flag::OPPORTUNITY;
        for happened in std::mem::take(&mut self.happened) {
            match happened {
                Happened::Opened(open) => self.tell(Event::Opened(now_ns, Box::new(open)), flag::OPPORTUNITY),
                Happened::Closed(open) => self.tell(Event::Closed(now_ns, Box::new(open)), flag::OPPORTUNITY),
                Happened::Changed => {}
            }
        }
    }

    fn tell(&mut self, event: Event, flag: u32) {
        if self.events.len() >= self.config.events_max {
            self.events.pop_front();
            self.events_lost += 1;
        }
        self.events.push_back(event);
        self.flags |= flag;
    }
}
