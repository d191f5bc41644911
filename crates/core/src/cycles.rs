//! Cycles of one venue that lead back to the asset they started from, and which of them a change can have touched.
//!
//! BTC/USDT stands in a cycle with every coin that is quoted in both. A listing of many cycles (a hub) therefore keeps,
//! for each of its sides, the best product of the other legs: its own change costs one multiplication, unless that
//! shows that a cycle nets.

use crate::sizing::{BUY, Step};

/// A listing of more cycles than this is a hub.
const HUB_CYCLES: usize = 8;
/// Products of the same factors in another order differ by less than this.
const SLACK: f64 = 1.0 - 1e-12;
const NOBODY: u32 = u32::MAX;

/// What one unit becomes at a listing's best prices, after fees: buying base for quote, selling base for quote.
pub(crate) type Rates = (f64, f64);

/// A cycle of at most this many legs, so that it lies in one cache line.
pub(crate) const LEGS_MAX: usize = 6;

#[derive(Debug)]
#[repr(align(64))]
struct Cycle {
    legs: [Step; LEGS_MAX],
    count: u8,
    /// The step of its hub, if it has one.
    hub: Option<u8>,
    open: bool,
}

impl Cycle {
    fn steps(&self) -> &[Step] {
        &self.legs[..usize::from(self.count)]
    }
}

/// The cycles in which a hub is traded on one side.
#[derive(Debug, Default)]
struct HubSide {
    cycles: Vec<u32>,
    best: f64,
    holder: u32,
    open: usize,
}

#[derive(Debug, Default)]
struct Member {
    /// All its cycles.
    cycles: Vec<u32>,
    /// Those in which it is not the hub.
    direct: Vec<u32>,
    /// Where it is the hub: buying and selling it.
    hub: [HubSide; 2],
}

/// Which cycles of a listing have to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Touched {
    None,
    /// Those in which it is not the hub.
    Direct,
    All,
}

/// All cycles.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    cycles: Vec<Cycle>,
    members: Vec<Member>,
    rates: Vec<Rates>,
    laid: bool,
}

impl Cycles {
    /// Takes in the next listing.
    pub fn add_listing(&mut self) {
        self.members.push(Member::default());
        self.rates.push((0.0, 0.0));
    }

    /// Takes in a cycle of two to six legs; gives its number.
    pub fn add(&mut self, steps: &[Step]) -> u32 {
        let number = self.cycles.len() as u32;
        let mut legs = [(0, BUY); LEGS_MAX];
        legs[..steps.len()].copy_from_slice(steps);
        for &(listing, _) in steps {
            let cycles = &mut self.members[listing as usize].cycles;
            if cycles.last() != Some(&number) {
                cycles.push(number);
            }
        }
        self.cycles.push(Cycle { legs, count: steps.len() as u8, hub: None, open: false });
        self.laid = false;
        number
    }

    /// Number of cycles.
    pub fn len(&self) -> u32 {
        self.cycles.len() as u32
    }

    /// The steps of a cycle.
    pub fn steps(&self, cycle: u32) -> &[Step] {
        self.cycles[cycle as usize].steps()
    }

    /// Whether a cycle stands as an opportunity.
    pub fn is_open(&self, cycle: u32) -> bool {
        self.cycles[cycle as usize].open
    }

    /// Notes whether a cycle stands as an opportunity.
    pub fn set_open(&mut self, cycle: u32, open: bool) {
        let known = &mut self.cycles[cycle as usize];
        if known.open == open {
            return;
        }
        known.open = open;
        if let Some(step) = known.hub {
            let (hub, side) = known.legs[usize::from(step)];
            let count = &mut self.members[hub as usize].hub[side_index(side)].open;
            *count = if open { *count + 1 } else { *count - 1 };
        }
    }

    /// What one unit of the start asset becomes at the best prices, after fees.
    pub fn ratio(&self, cycle: u32) -> f64 {
        self.cycles[cycle as usize].steps().iter().fold(1.0, |ratio, step| ratio * self.rate(step))
    }

    /// Takes in a listing's new rates. Which of its cycles have to be looked at.
    #[inline]
    pub fn changed(&mut self, listing: u32, rates: Rates, edge: f64) -> Touched {
        if self.members[listing as usize].cycles.is_empty() {
            return Touched::None;
        }
        self.rates[listing as usize] = rates;
        if !self.laid {
            self.lay();
        }
        let mut direct_nets = false;
        for index in 0..self.members[listing as usize].direct.len() {
            let cycle = self.members[listing as usize].direct[index];
            direct_nets |= self.raise(cycle) > edge * SLACK || self.is_open(cycle);
        }
        let mut sides = self.members[listing as usize].hub.iter().zip([rates.0, rates.1]);
        if sides.any(|(side, rate)| side.open > 0 || rate * side.best > edge * SLACK) {
            Touched::All
        } else if direct_nets {
            Touched::Direct
        } else {
            Touched::None
        }
    }

    /// The cycles that were touched, in their order.
    pub fn touched(&self, listing: u32, which: Touched) -> &[u32] {
        let member = &self.members[listing as usize];
        match which {
            Touched::None => &[],
            Touched::Direct => &member.direct,
            Touched::All => &member.cycles,
        }
    }

    fn rate(&self, step: &Step) -> f64 {
        let (buy, sell) = self.rates[step.0 as usize];
        if step.1 == BUY { buy } else { sell }
    }

    /// The product of the legs besides the hub's.
    #[inline]
    fn others(&self, cycle: u32) -> f64 {
        let known = &self.cycles[cycle as usize];
        let hub = known.hub.map_or(LEGS_MAX, usize::from);
        let legs = known.steps().iter().enumerate().filter(|(index, _)| *index != hub);
        legs.fold(1.0, |product, (_, step)| product * self.rate(step))
    }

    /// A leg of a cycle that is not its hub has changed. Gives what the whole cycle is worth, roughly.
    #[inline]
    fn raise(&mut self, cycle: u32) -> f64 {
        let product = self.others(cycle);
        let known = &self.cycles[cycle as usize];
        let Some(step) = known.hub else { return product };
        let (hub, side) = known.legs[usize::from(step)];
        let rate = self.rate(&(hub, side));
        let known = &mut self.members[hub as usize].hub[side_index(side)];
        if product >= known.best {
            known.best = product;
            known.holder = cycle;
        } else if known.holder == cycle {
            self.find_best(hub, side_index(side));
        }
        product * rate
    }

    #[cold]
    fn find_best(&mut self, hub: u32, side: usize) {
        let (mut best, mut holder) = (0.0, NOBODY);
        for &cycle in &self.members[hub as usize].hub[side].cycles {
            let product = self.others(cycle);
            if product >= best {
                (best, holder) = (product, cycle);
            }
        }
        let known = &mut self.members[hub as usize].hub[side];
        (known.best, known.holder) = (best, holder);
    }

    /// Chooses every cycle's hub, after cycles were added.
    #[cold]
    fn lay(&mut self) {
        self.laid = true;
        for member in &mut self.members {
            member.direct.clear();
            member.hub = Default::default();
        }
        for (number, cycle) in self.cycles.iter_mut().enumerate() {
            let busiest =
                cycle.steps().iter().enumerate().max_by_key(|(_, step)| self.members[step.0 as usize].cycles.len());
            cycle.hub = busiest
                .filter(|(_, step)| self.members[step.0 as usize].cycles.len() > HUB_CYCLES)
                .map(|(index, _)| index as u8);
            for (index, &(listing, side)) in cycle.steps().iter().enumerate() {
                let member = &mut self.members[listing as usize];
                if cycle.hub == Some(index as u8) {
                    let known = &mut member.hub[side_index(side)];
                    known.cycles.push(number as u32);
                    known.open += usize::from(cycle.open);
                } else if member.direct.last() != Some(&(number as u32)) {
                    member.direct.push(number as u32);
                }
            }
        }
        for hub in 0..self.members.len() as u32 {
            for side in 0..2 {
                self.find_best(hub, side);
            }
        }
    }
}

fn side_index(side: i8) -> usize {
    usize::from(side != BUY)
}
