//! The scan: after a top changed, which spreads and cycles that touch it survive the fees (`oneprice.core.scan`).

use crate::listing::Listing;
use crate::sizing::{BUY, Missed, Sized, Step, ask_factor, bid_factor, size_cycle, size_pair};
use crate::specs::PPB;
use crate::states::{BookState, Miss};
use std::collections::{BTreeMap, HashMap};

/// Kind of a pair.
pub const PAIR: u8 = 0;
/// Kind of a cycle.
pub const CYCLE: u8 = 1;
const NO_GROUP: u32 = u32::MAX;

/// Names an opportunity: a pair by its listings (buy, sell), a cycle by its number and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// `PAIR` or `CYCLE`.
    pub kind: u8,
    /// Buying listing, or number of the cycle.
    pub first: u32,
    /// Selling listing.
    pub second: u32,
}

/// An opportunity that stands.
#[derive(Clone, Debug)]
pub struct Open {
    /// Its name.
    pub key: Key,
    /// Since when.
    pub opened_ns: i64,
    /// Last change.
    pub updated_ns: i64,
    /// Number of changes.
    pub updates: u64,
    /// As it is now.
    pub sized: Sized,
    /// As it was at its best.
    pub best: Sized,
}

/// What came near, and what is in the way, where.
#[derive(Clone, Debug)]
pub struct Near {
    /// Its name.
    pub key: Key,
    /// From the tops, before fees.
    pub gross_bps: f64,
    /// From the tops, after fees.
    pub net_bps: f64,
    /// What is in the way.
    pub miss: Miss,
    /// Where.
    pub listing: u32,
}

/// What became of an opportunity.
#[derive(Clone, Debug)]
pub enum Happened {
    /// It is new.
    Opened(Open),
    /// It still stands.
    Changed,
    /// It is gone.
    Closed(Open),
}

#[derive(Debug, Default)]
struct Group {
    members: Vec<u32>,
    bids: Vec<f64>,
    asks: Vec<f64>,
    open: usize,
}

#[derive(Debug)]
struct Place {
    group: u32,
    index: u32,
    bid_factor: f64,
    ask_factor: f64,
    bid: f64,
    ask: f64,
    cycles: Vec<u32>,
}

/// Groups, cycles and the opportunities that stand.
#[derive(Debug)]
pub struct Scan {
    edge: f64,
    open: BTreeMap<Key, Open>,
    groups: Vec<Group>,
    group_of: HashMap<String, u32>,
    places: Vec<Place>,
    cycles: Vec<Vec<Step>>,
    open_cycles: Vec<bool>,
}

impl Scan {
    /// A scan for what keeps `min_net_bps` after fees.
    pub fn new(min_net_bps: f64) -> Scan {
        Scan {
            edge: 1.0 + min_net_bps / 1e4,
            open: BTreeMap::new(),
            groups: Vec::new(),
            group_of: HashMap::new(),
            places: Vec::new(),
            cycles: Vec::new(),
            open_cycles: Vec::new(),
        }
    }

    /// Takes in the next listing.
    pub fn add(&mut self, listing: &Listing) {
        let spec = &listing.spec;
        let number = self.places.len() as u32;
        let (mut group, mut index) = (NO_GROUP, 0);
        if !spec.group.is_empty() {
            let next = self.groups.len() as u32;
            group = *self.group_of.entry(spec.group.clone()).or_insert(next);
            if group == next {
                self.groups.push(Group::default());
            }
            let members = &mut self.groups[group as usize];
            index = members.members.len() as u32;
            members.members.push(number);
            members.bids.push(f64::NEG_INFINITY);
            members.asks.push(f64::INFINITY);
        }
        self.places.push(Place {
            group,
            index,
            bid_factor: bid_factor(spec),
            ask_factor: ask_factor(spec),
            bid: f64::NEG_INFINITY,
            ask: f64::INFINITY,
            cycles: Vec::new(),
        });
    }

    /// Watches a cycle.
    pub fn add_cycle(&mut self, steps: Vec<Step>) -> u32 {
        let number = self.cycles.len() as u32;
        for &(listing, _) in &steps {
            let cycles = &mut self.places[listing as usize].cycles;
            if cycles.last() != Some(&number) {
                cycles.push(number);
            }
        }
        self.cycles.push(steps);
        self.open_cycles.push(false);
        number
    }

    /// What stands, by key.
    pub fn opportunities(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// The top or state of a listing changed. Whether anything opened, changed or closed; what, goes to `tell`.
    #[inline]
    pub fn changed(&mut self, number: u32, listings: &[Listing], now_ns: i64, tell: &mut Vec<Happened>) {
        let listing = &listings[number as usize];
        let live = listing.state() == BookState::Live;
        let place = &mut self.places[number as usize];
        let top = &listing.top;
        place.bid = if live && top.bid.1 != 0 { top.bid.0 as f64 * place.bid_factor } else { f64::NEG_INFINITY };
        place.ask = if live && top.ask.1 != 0 { top.ask.0 as f64 * place.ask_factor } else { f64::INFINITY };
        let (group, index, bid, ask) = (place.group, place.index as usize, place.bid, place.ask);
        if group != NO_GROUP {
            let edge = self.edge;
            let members = &mut self.groups[group as usize];
            members.bids[index] = bid;
            members.asks[index] = ask;
            let limit = ask * edge;
            let mut crosses = false;
            for (&other_bid, &other_ask) in members.bids.iter().zip(&members.asks) {
                crosses |= other_bid > limit;
                crosses |= bid > other_ask * edge;
            }
            if crosses || members.open > 0 {
                self.hold_pairs(number, group, listings, now_ns, tell);
            }
        }
        if !self.places[number as usize].cycles.is_empty() {
            self.try_cycles(number, listings, now_ns, tell);
        }
    }

    /// The nearest misses, best net first.
    pub fn near(&self, listings: &[Listing], count: usize) -> Vec<Near> {
        let mut found = Vec::new();
        for group in &self.groups {
            let mut nearest: Option<Near> = None;
            for &buy in &group.members {
                for &sell in &group.members {
                    let key = Key { kind: PAIR, first: buy, second: sell };
                    if buy != sell && !self.open.contains_key(&key) {
                        if let Some(near) = self.near_pair(key, listings) {
                            if nearest.as_ref().is_none_or(|best| near.net_bps > best.net_bps) {
                                nearest = Some(near);
                            }
                        }
                    }
                }
            }
            found.extend(nearest);
        }
        for cycle in 0..self.cycles.len() as u32 {
            let key = Key { kind: CYCLE, first: cycle, second: 0 };
            if !self.open.contains_key(&key) {
                found.extend(self.near_cycle(key, listings));
            }
        }
        found.sort_by(|left, right| right.net_bps.total_cmp(&left.net_bps).then(left.key.cmp(&right.key)));
        found.truncate(count);
        found
    }

    #[cold]
    fn hold_pairs(&mut self, number: u32, group: u32, listings: &[Listing], now_ns: i64, tell: &mut Vec<Happened>) {
        for index in 0..self.groups[group as usize].members.len() {
            let other = self.groups[group as usize].members[index];
            if other != number {
                self.hold_pair(number, other, group, listings, now_ns, tell);
                self.hold_pair(other, number, group, listings, now_ns, tell);
            }
        }
    }

    fn hold_pair(
        &mut self,
        buy: u32,
        sell: u32,
        group: u32,
        listings: &[Listing],
        now_ns: i64,
        tell: &mut Vec<Happened>,
    ) {
        let mut sized = None;
        if self.places[sell as usize].bid > self.places[buy as usize].ask * self.edge {
            sized = size_pair(buy, &listings[buy as usize], sell, &listings[sell as usize], self.edge).ok();
        }
        let before = self.open.len();
        self.note(Key { kind: PAIR, first: buy, second: sell }, sized, now_ns, tell);
        let open = &mut self.groups[group as usize].open;
        *open = *open + self.open.len() - before;
    }

    fn note(&mut self, key: Key, sized: Option<Sized>, now_ns: i64, tell: &mut Vec<Happened>) {
        match sized {
            None => {
                if let Some(mut gone) = self.open.remove(&key) {
                    gone.updated_ns = now_ns;
                    tell.push(Happened::Closed(gone));
                }
            }
            Some(sized) => match self.open.get_mut(&key) {
                None => {
                    let open =
                        Open { key, opened_ns: now_ns, updated_ns: now_ns, updates: 1, best: sized.clone(), sized };
                    tell.push(Happened::Opened(open.clone()));
                    self.open.insert(key, open);
                }
                Some(known) => {
                    if sized.net_atto > known.best.net_atto {
                        known.best = sized.clone();
                    }
                    known.sized = sized;
                    known.updated_ns = now_ns;
                    known.updates += 1;
                    tell.push(Happened::Changed);
                }
            },
        }
    }

    fn try_cycles(&mut self, number: u32, listings: &[Listing], now_ns: i64, tell: &mut Vec<Happened>) {
        for index in 0..self.places[number as usize].cycles.len() {
            let cycle = self.places[number as usize].cycles[index];
            let ratio = self.cycle_ratio(cycle);
            let nets = ratio > self.edge;
            if !nets && !self.open_cycles[cycle as usize] {
                continue;
            }
            let wanted_bps = (self.edge - 1.0) * 1e4;
            let sized = nets
                .then(|| size_cycle(&self.cycles[cycle as usize], listings).ok())
                .flatten()
                .filter(|sized| sized.net_bps > wanted_bps);
            self.open_cycles[cycle as usize] = sized.is_some();
            self.note(Key { kind: CYCLE, first: cycle, second: 0 }, sized, now_ns, tell);
        }
    }

    /// What one unit of the start asset becomes at the tops, after fees.
    fn cycle_ratio(&self, cycle: u32) -> f64 {
        let mut ratio = 1.0;
        for &(number, side) in &self.cycles[cycle as usize] {
            let place = &self.places[number as usize];
            ratio *= if side == BUY { 1.0 / place.ask } else { place.bid.max(0.0) };
        }
        ratio
    }

    fn near_pair(&self, key: Key, listings: &[Listing]) -> Option<Near> {
        let (buy, sell) = (&listings[key.first as usize], &listings[key.second as usize]);
        if buy.top.ask.1 == 0 || sell.top.bid.1 == 0 {
            return None;
        }
        let (buy_place, sell_place) = (&self.places[key.first as usize], &self.places[key.second as usize]);
        let paid = buy.top.ask.0 as f64 * buy_place.ask_factor;
        let got = sell.top.bid.0 as f64 * sell_place.bid_factor;
        let net_bps = (got / paid - 1.0) * 1e4;
        let fees = (1.0 - sell.spec.fee_ppb as f64 / PPB as f64) / (1.0 + buy.spec.fee_ppb as f64 / PPB as f64);
        let gross_bps = (got / paid / fees - 1.0) * 1e4;
        let near = |miss, listing| Some(Near { key, gross_bps, net_bps, miss, listing });
        for (number, listing) in [(key.first, buy), (key.second, sell)] {
            if listing.state() != BookState::Live {
                return near(Miss::NotLive, number);
            }
        }
        let nets = sell_place.bid > buy_place.ask * self.edge;
        if !nets {
            return near(Miss::Fees, key.first);
        }
        match size_pair(key.first, buy, key.second, sell, self.edge) {
            Err(Missed { miss, listing }) => near(miss, listing),
            Ok(_) => None,
        }
    }

    fn near_cycle(&self, key: Key, listings: &[Listing]) -> Option<Near> {
        let steps = &self.cycles[key.first as usize];
        let ratio = self.cycle_ratio(key.first);
        let quoted = ratio > 0.0;
        if !quoted {
            return None;
        }
        let mut fees = 1.0;
        for &(number, side) in steps {
            let fee = listings[number as usize].spec.fee_ppb as f64 / PPB as f64;
            fees *= if side == BUY { 1.0 / (1.0 + fee) } else { 1.0 - fee };
        }
        let (net_bps, gross_bps) = ((ratio - 1.0) * 1e4, (ratio / fees - 1.0) * 1e4);
        let (miss, listing) = if ratio > self.edge {
            size_cycle(steps, listings).err().map_or((Miss::Fees, steps[0].0), |missed| (missed.miss, missed.listing))
        } else {
            (Miss::Fees, steps[0].0)
        };
        Some(Near { key, gross_bps, net_bps, miss, listing })
    }
}
