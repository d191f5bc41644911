//! The scan: after a top changed, which spreads and cycles that touch it survive the fees (`oneprice.core.scan`).

use crate::cycles::{Cycles, Touched};
use crate::listing::{Listing, Top};
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

/// The best of a group: all that a change is held against, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Group {
    best_bid: f64,
    best_ask: f64,
    bid_holder: u32,
    ask_holder: u32,
    /// Pairs that stand.
    open: usize,
    members: Vec<u32>,
}

/// A listing's place in the scan.
#[derive(Debug)]
#[repr(align(64))]
struct Place {
    group: u32,
    bid_factor: f64,
    ask_factor: f64,
    bid: f64,
    ask: f64,
}

/// Groups, cycles and the opportunities that stand.
#[derive(Debug)]
pub struct Scan {
    edge: f64,
    open: BTreeMap<Key, Open>,
    groups: Vec<Group>,
    group_of: HashMap<String, u32>,
    places: Vec<Place>,
    cycles: Cycles,
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
            cycles: Cycles::default(),
        }
    }

    /// Takes in the next listing.
    pub fn add(&mut self, listing: &Listing) {
        let spec = &listing.spec;
        let number = self.places.len() as u32;
        let mut group = NO_GROUP;
        if !spec.group.is_empty() {
            let next = self.groups.len() as u32;
            group = *self.group_of.entry(spec.group.clone()).or_insert(next);
            if group == next {
                self.groups.push(Group {
                    best_bid: f64::NEG_INFINITY,
                    best_ask: f64::INFINITY,
                    bid_holder: number,
                    ask_holder: number,
                    open: 0,
                    members: Vec::new(),
                });
            }
            self.groups[group as usize].members.push(number);
        }
        self.places.push(Place {
            group,
            bid_factor: bid_factor(spec),
            ask_factor: ask_factor(spec),
            bid: f64::NEG_INFINITY,
            ask: f64::INFINITY,
        });
        self.cycles.add_listing();
    }

    /// Watches a cycle; gives its number.
    pub fn add_cycle(&mut self, steps: &[Step]) -> u32 {
        self.cycles.add(steps)
    }

    /// What stands, by key.
    pub fn opportunities(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// The top or state of a listing changed. What opened, changed or closed goes to `tell`.
    #[inline]
    pub fn changed(
        &mut self,
        number: u32,
        live: bool,
        top: &Top,
        listings: &[Listing],
        now_ns: i64,
        tell: &mut Vec<Happened>,
    ) {
        let place = &mut self.places[number as usize];
        let bid = if live && top.bid.1 != 0 { top.bid.0 as f64 * place.bid_factor } else { f64::NEG_INFINITY };
        let ask = if live && top.ask.1 != 0 { top.ask.0 as f64 * place.ask_factor } else { f64::INFINITY };
        (place.bid, place.ask) = (bid, ask);
        if place.group != NO_GROUP {
            let index = place.group;
            let group = &mut self.groups[index as usize];
            if bid >= group.best_bid {
                (group.best_bid, group.bid_holder) = (bid, number);
            } else if group.bid_holder == number {
                find_best_bid(group, &self.places);
            }
            if ask <= group.best_ask {
                (group.best_ask, group.ask_holder) = (ask, number);
            } else if group.ask_holder == number {
                find_best_ask(group, &self.places);
            }
            if group.best_bid > group.best_ask * self.edge || group.open > 0 {
                self.hold_pairs(number, index, listings, now_ns, tell);
            }
        }
        let touched = self.cycles.changed(number, (1.0 / ask, bid.max(0.0)), self.edge);
        if touched != Touched::None {
            self.try_cycles(number, touched, listings, now_ns, tell);
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
        for cycle in 0..self.cycles.len() {
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

    fn try_cycles(
        &mut self,
        number: u32,
        touched: Touched,
        listings: &[Listing],
        now_ns: i64,
        tell: &mut Vec<Happened>,
    ) {
        for index in 0.. {
            let Some(&cycle) = self.cycles.touched(number, touched).get(index) else { return };
            let nets = self.cycles.ratio(cycle) > self.edge;
            if !nets && !self.cycles.is_open(cycle) {
                continue;
            }
            let wanted_bps = (self.edge - 1.0) * 1e4;
            let sized = nets
                .then(|| size_cycle(self.cycles.steps(cycle), listings).ok())
                .flatten()
                .filter(|sized| sized.net_bps > wanted_bps);
            self.cycles.set_open(cycle, sized.is_some());
            self.note(Key { kind: CYCLE, first: cycle, second: 0 }, sized, now_ns, tell);
        }
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
        let steps = self.cycles.steps(key.first);
        let ratio = self.cycles.ratio(key.first);
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

fn find_best_bid(group: &mut Group, places: &[Place]) {
    group.best_bid = f64::NEG_INFINITY;
    for &member in &group.members {
        let bid = places[member as usize].bid;
        if bid >= group.best_bid {
            (group.best_bid, group.bid_holder) = (bid, member);
        }
    }
}

fn find_best_ask(group: &mut Group, places: &[Place]) {
    group.best_ask = f64::INFINITY;
    for &member in &group.members {
        let ask = places[member as usize].ask;
        if ask <= group.best_ask {
            (group.best_ask, group.ask_holder) = (ask, member);
        }
    }
}
