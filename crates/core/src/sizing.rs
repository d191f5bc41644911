//! How much of a spread can be taken, in whole lots of every leg (`oneprice.core.sizing`). Exact.

use crate::book::Level;
use crate::listing::Listing;
use crate::specs::{ListingSpec, PPB};
use crate::states::Miss;

/// A buying order.
pub const BUY: i8 = 1;
/// A selling order.
pub const SELL: i8 = -1;
const LADDER_MAX: usize = 200;

/// One order: whole lots at a limit. `value` is the sum of ticks times lots of its fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The listing.
    pub listing: u32,
    /// `BUY` or `SELL`.
    pub side: i8,
    /// Limit price.
    pub limit_ticks: u64,
    /// Quantity.
    pub lots: u64,
    /// What the fills are worth.
    pub value: u128,
}

/// A trade of all legs. `net_atto` is what is left after fees, times 1e18.
#[derive(Clone, Debug, PartialEq)]
pub struct Sized {
    /// Its orders.
    pub legs: Vec<Leg>,
    /// Before fees.
    pub gross_bps: f64,
    /// After fees.
    pub net_bps: f64,
    /// After fees, exact.
    pub net_atto: i128,
}

/// Why nothing can be traded, and at which listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Why.
    pub miss: Miss,
    /// Where.
    pub listing: u32,
}

/// A leg of a cycle: listing and side.
pub type Step = (u32, i8);

/// What an order of `side` meets, best first: the top, then the book behind it.
pub fn ladder(listing: &Listing, side: i8) -> Vec<Level> {
    let (ticks, lots) = if side == BUY { listing.top.ask } else { listing.top.bid };
    if lots == 0 {
        return Vec::new();
    }
    if !listing.spec.depth {
        return vec![(ticks, lots)];
    }
    let book = if side == BUY { &listing.asks } else { &listing.bids };
    let behind = book
        .ladder(2 * LADDER_MAX)
        .into_iter()
        .filter(|level| if side == BUY { level.0 > ticks } else { level.0 < ticks })
        .take(LADDER_MAX - 1);
    std::iter::once((ticks, lots)).chain(behind).collect()
}

/// What one tick of a bid brings per base coin, after the fee. For ranking only.
pub fn bid_factor(spec: &ListingSpec) -> f64 {
    spec.price_factor * (1.0 - spec.fee_ppb as f64 / PPB as f64)
}

/// What one tick of an ask costs per base coin, with the fee. For ranking only.
pub fn ask_factor(spec: &ListingSpec) -> f64 {
    spec.price_factor * (1.0 + spec.fee_ppb as f64 / PPB as f64)
}

/// Buy at one listing, sell the same base quantity at another, as deep as each lot still nets `edge` (a ratio).
pub fn size_pair(buy_id: u32, buy: &Listing, sell_id: u32, sell: &Listing, edge: f64) -> Result<Sized, Missed> {
    let (asks, bids) = (ladder(buy, BUY), ladder(sell, SELL));
    let step_buy = buy.spec.lot_base_atto.saturating_mul(u128::from(buy.spec.order_lots));
    let step_sell = sell.spec.lot_base_atto.saturating_mul(u128::from(sell.spec.order_lots));
    let common = (step_buy / gcd(step_buy, step_sell)).saturating_mul(step_sell);
    let mut wanted = profitable_base(&buy.spec, &asks, &sell.spec, &bids, edge);
    wanted -= wanted % common;
    for (spec, rungs, side) in [(&buy.spec, &asks, BUY), (&sell.spec, &bids, SELL)] {
        if wanted > 0 && spec.max_value > 0 {
            let worst = if side == BUY {
                fill(rungs, lots_of(wanted, spec)).map_or(1, |(limit, _)| limit)
            } else {
                rungs.first().map_or(1, |level| level.0)
            };
            wanted = wanted.min((spec.max_value / u128::from(worst)).saturating_mul(spec.lot_base_atto));
            wanted -= wanted % common;
        }
    }
    if wanted == 0 {
        return Err(Missed { miss: Miss::Lot, listing: if step_buy >= step_sell { buy_id } else { sell_id } });
    }
    let bought = leg(buy_id, &buy.spec, &asks, BUY, lots_of(wanted, &buy.spec))?;
    let sold = leg(sell_id, &sell.spec, &bids, SELL, lots_of(wanted, &sell.spec))?;
    let paid = bought.value.saturating_mul(buy.spec.value_unit_atto);
    let got = sold.value.saturating_mul(sell.spec.value_unit_atto);
    let cost = paid.saturating_add(ceil_share(paid, buy.spec.fee_ppb));
    let proceeds = got - ceil_share(got, sell.spec.fee_ppb);
    Ok(Sized {
        legs: vec![bought, sold],
        gross_bps: bps(got, paid),
        net_bps: bps(proceeds, cost),
        net_atto: difference(proceeds, cost),
    })
}

/// The start amount of a cycle that earns most, by search over lots of the first leg.
pub fn size_cycle(steps: &[Step], listings: &[Listing]) -> Result<Sized, Missed> {
    let cycle = Cycle {
        legs: steps
            .iter()
            .map(|&(number, side)| {
                let listing = &listings[number as usize];
                (number, &listing.spec, side, ladder(listing, side))
            })
            .collect(),
    };
    let (first_id, spec, _, rungs) = &cycle.legs[0];
    let mut deepest: u128 = rungs.iter().map(|level| u128::from(level.1)).sum();
    if spec.max_value > 0 && deepest > 0 {
        deepest = deepest.min(spec.max_value / u128::from(rungs[0].0));
    }
    let step = u128::from(spec.order_lots);
    let (mut low, mut high) = (1u128, (deepest / step).max(1));
    while high - low > 2 {
        let third = (high - low) / 3;
        let left = cycle.net((low + third) * step);
        let right = cycle.net((high - third) * step);
        let shrink = match (left, right) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => left >= right,
        };
        if shrink { high -= third } else { low += third }
    }
    let (mut best, mut best_net) = (0u128, 0i128);
    for lots in low..=high {
        if let Some(net) = cycle.net(lots * step) {
            if net > best_net {
                (best, best_net) = (lots * step, net);
            }
        }
    }
    if best == 0 {
        return Err(Missed { miss: Miss::Lot, listing: *first_id });
    }
    cycle.sized(best)
}

struct Cycle<'a> {
    legs: Vec<(u32, &'a ListingSpec, i8, Vec<Level>)>,
}

/// Lots, worst level and value of one leg.
type Fill = (u64, u64, u128);

impl Cycle<'_> {
    fn fills(&self, lots: u128) -> Option<Vec<Fill>> {
        let mut fills: Vec<Fill> = Vec::with_capacity(self.legs.len());
        let mut lots = u64::try_from(lots).ok()?;
        for (index, (_, spec, side, rungs)) in self.legs.iter().enumerate() {
            if index > 0 {
                let (_, before, before_side, _) = &self.legs[index - 1];
                let (lots_before, _, value) = fills[index - 1];
                lots = spend(spec, rungs, *side, after_fee(before, *before_side, lots_before, value))?;
            }
            if lots == 0 {
                return None;
            }
            let (limit, value) = fill(rungs, lots)?;
            if spec.max_value > 0 && value > spec.max_value {
                return None;
            }
            fills.push((lots, limit, value));
        }
        Some(fills)
    }

    /// Spent and received in atto of the start asset.
    fn flow(&self, fills: &[Fill]) -> (u128, u128) {
        let (_, first, side, _) = &self.legs[0];
        let (lots, _, value) = fills[0];
        let spent = if *side == BUY {
            value.saturating_mul(first.value_unit_atto)
        } else {
            u128::from(lots).saturating_mul(first.lot_base_atto)
        };
        let (_, last, side, _) = &self.legs[self.legs.len() - 1];
        let (lots, _, value) = fills[fills.len() - 1];
        (spent, after_fee(last, *side, lots, value))
    }

    fn net(&self, lots: u128) -> Option<i128> {
        let (spent, received) = self.flow(&self.fills(lots)?);
        Some(difference(received, spent))
    }

    fn sized(&self, lots: u128) -> Result<Sized, Missed> {
        let nothing = Missed { miss: Miss::Lot, listing: self.legs[0].0 };
        let fills = self.fills(lots).ok_or(nothing)?;
        let mut legs = Vec::with_capacity(fills.len());
        let mut fees = 1.0;
        for ((number, spec, side, _), &(lots, worst, value)) in self.legs.iter().zip(&fills) {
            legs.push(order(*number, spec, *side, lots, worst, value)?);
            fees *= 1.0 - spec.fee_ppb as f64 / PPB as f64;
        }
        let (spent, received) = self.flow(&fills);
        Ok(Sized {
            legs,
            gross_bps: (received as f64 / spent as f64 / fees - 1.0) * 1e4,
            net_bps: bps(received, spent),
            net_atto: difference(received, spent),
        })
    }
}

/// Base quantity in atto that trades at a profit, level against level.
fn profitable_base(buy: &ListingSpec, asks: &[Level], sell: &ListingSpec, bids: &[Level], edge: f64) -> u128 {
    let (ask_rate, bid_rate) = (ask_factor(buy), bid_factor(sell));
    let base = |level: Option<&Level>, spec: &ListingSpec| {
        level.map_or(0, |level| u128::from(level.1).saturating_mul(spec.lot_base_atto))
    };
    let (mut asks, mut bids) = (asks.iter(), bids.iter());
    let (mut ask, mut bid) = (asks.next(), bids.next());
    let (mut ask_left, mut bid_left) = (base(ask, buy), base(bid, sell));
    let mut total = 0u128;
    while let (Some(ask_level), Some(bid_level)) = (ask, bid) {
        let nets = bid_level.0 as f64 * bid_rate > ask_level.0 as f64 * ask_rate * edge;
        if !nets {
            break;
        }
        let step = ask_left.min(bid_left);
        total = total.saturating_add(step);
        ask_left -= step;
        bid_left -= step;
        if ask_left == 0 {
            ask = asks.next();
            ask_left = base(ask, buy);
        }
        if bid_left == 0 {
            bid = bids.next();
            bid_left = base(bid, sell);
        }
    }
    total
}

/// Worst level and value of taking `lots`; None when the depth ends before.
fn fill(rungs: &[Level], mut lots: u64) -> Option<(u64, u128)> {
    let mut value = 0u128;
    for &(ticks, available) in rungs {
        let taken = lots.min(available);
        value = value.saturating_add(u128::from(ticks) * u128::from(taken));
        lots -= taken;
        if lots == 0 {
            return Some((ticks, value));
        }
    }
    None
}

fn leg(number: u32, spec: &ListingSpec, rungs: &[Level], side: i8, lots: u64) -> Result<Leg, Missed> {
    let (worst, value) = fill(rungs, lots).ok_or(Missed { miss: Miss::Lot, listing: number })?;
    order(number, spec, side, lots, worst, value)
}

/// The order that fills down to the level `worst`, if the listing's rules allow it.
fn order(number: u32, spec: &ListingSpec, side: i8, lots: u64, worst: u64, value: u128) -> Result<Leg, Missed> {
    if lots < spec.min_lots {
        return Err(Missed { miss: Miss::MinQuantity, listing: number });
    }
    let limit = if side == SELL { worst - worst % spec.order_ticks } else { worst.next_multiple_of(spec.order_ticks) };
    let notional = if side == BUY { value } else { u128::from(limit) * u128::from(lots) };
    if notional < spec.min_value {
        return Err(Missed { miss: Miss::MinNotional, listing: number });
    }
    Ok(Leg { listing: number, side, limit_ticks: limit, lots, value })
}

/// Whole lots that an amount buys (quote) or is (base).
fn spend(spec: &ListingSpec, rungs: &[Level], side: i8, amount_atto: u128) -> Option<u64> {
    let lots = if side == SELL {
        u64::try_from(amount_atto / spec.lot_base_atto).ok()?
    } else {
        let mut lots = 0u64;
        let mut left = amount_atto / spec.value_unit_atto;
        for &(ticks, available) in rungs {
            let taken = u128::from(available).min(left / u128::from(ticks)) as u64;
            lots += taken;
            left -= u128::from(taken) * u128::from(ticks);
            if taken < available {
                break;
            }
        }
        lots
    };
    Some(lots - lots % spec.order_lots)
}

/// What a leg leaves in hand, in atto of the asset received.
fn after_fee(spec: &ListingSpec, side: i8, lots: u64, value: u128) -> u128 {
    let gross = if side == BUY {
        u128::from(lots).saturating_mul(spec.lot_base_atto)
    } else {
        value.saturating_mul(spec.value_unit_atto)
    };
    gross - ceil_share(gross, spec.fee_ppb)
}

fn lots_of(base_atto: u128, spec: &ListingSpec) -> u64 {
    u64::try_from(base_atto / spec.lot_base_atto).unwrap_or(u64::MAX)
}

/// `amount * ppb / 1e9`, rounded up, without overflow.
fn ceil_share(amount: u128, ppb: u64) -> u128 {
    let ppb = u128::from(ppb);
    (amount / PPB).saturating_mul(ppb).saturating_add((amount % PPB * ppb).div_ceil(PPB))
}

fn difference(left: u128, right: u128) -> i128 {
    if left >= right {
        i128::try_from(left - right).unwrap_or(i128::MAX)
    } else {
        i128::try_from(right - left).map_or(i128::MIN, |value| -value)
    }
}

fn bps(numerator: u128, denominator: u128) -> f64 {
    (numerator as f64 / denominator as f64 - 1.0) * 1e4
}

fn gcd(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
