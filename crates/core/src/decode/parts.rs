//! The parts of a depth or quote message, taken from the slots.

use super::plan::Test;
use super::trades::{Cell, cell_time};
use super::walk::holds;
use super::{Decoder, NO_SLOT};
use crate::book::Level;
use crate::describe::{Message, NumberForm, Quote, Time};
use crate::fault::Fault;
use crate::json::{self, Kind, Value};
use crate::levels::{self, Grids, Scratch, Texts};
use crate::number::{count_fast, parse_id, parse_id_in, parse_time_in};
use std::borrow::Cow;

/// What a depth message says besides its levels. `previous` is None for a whole book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DepthHead {
    pub previous: Option<u64>,
    pub last: u64,
    pub event_ns: i64,
}

/// A best bid and ask; an empty side is `(0, 0)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QuoteRead {
    pub id: u64,
    pub bid: Level,
    pub ask: Level,
    pub event_ns: i64,
}

impl Decoder {
    /// The depth message `index`; its levels are in `sides`.
    #[inline]
    pub(crate) fn depth(&mut self, frame: &[u8], index: usize, grids: &Grids) -> Result<DepthHead, Fault> {
        if self.sides[0].done && self.sides[1].done {
            return self.depth_head(frame, index);
        }
        let mut sides = std::mem::take(&mut self.sides);
        let read = self.patient_depth(frame, index, grids, &mut sides);
        self.sides = sides;
        read
    }

    fn patient_depth(
        &self,
        frame: &[u8],
        index: usize,
        grids: &Grids,
        sides: &mut [Scratch; 2],
    ) -> Result<DepthHead, Fault> {
        let bids = if sides[0].done { Ok(None) } else { self.side_texts(frame, index, 0).map(Some) };
        let asks = if sides[1].done { Ok(None) } else { self.side_texts(frame, index, 1).map(Some) };
        if matches!(asks, Err(Fault::Frame)) {
            return Err(Fault::Frame);
        }
        let (bids, asks) = (bids?, asks?);
        let head = self.depth_head(frame, index)?;
        let mut off = false;
        for (texts, side) in [bids, asks].iter().zip(sides) {
            if let Some(texts) = texts {
                match levels::convert(texts, grids, &mut side.levels) {
                    Ok(()) => {}
                    Err(Fault::Off) => off = true,
                    Err(fault) => return Err(fault),
                }
            }
        }
        if off { Err(Fault::Off) } else { Ok(head) }
    }

    fn side_texts<'a>(&'a self, frame: &'a [u8], index: usize, side: usize) -> Result<Vec<Texts<'a>>, Fault> {
        let plan = &self.plans[index];
        let Message::Depth(depth) = &plan.message else { return Err(Fault::Part) };
        let number = plan.sides[side];
        let slot = self.slots[number as usize];
        match slot.kind {
            Kind::Absent | Kind::Null if depth.may_miss_side => Ok(Vec::new()),
            Kind::List if self.protobuf => {
                let spans = self.repeated.iter().find(|(slot, _)| *slot == number).map_or(&[][..], |(_, spans)| spans);
                levels::proto_texts(frame, spans, &depth.level, self.levels_max)
            }
            Kind::List => {
                levels::json_texts(&frame[slot.from as usize..slot.to as usize], &depth.level, self.levels_max)
            }
            _ => Err(Fault::Part),
        }
    }

    #[inline]
    fn depth_head(&self, frame: &[u8], index: usize) -> Result<DepthHead, Fault> {
        let plan = &self.plans[index];
        let Message::Depth(depth) = &plan.message else { return Err(Fault::Part) };
        let last = self.id(frame, &plan.last)?.ok_or(Fault::Part)?;
        let whole = depth.full || plan.full_when != NO_SLOT && self.slots[plan.full_when as usize].kind == Kind::True;
        let previous = if whole {
            None
        } else {
            let previous = if !depth.previous.is_empty() {
                self.id(frame, &plan.previous)?.ok_or(Fault::Part)?
            } else {
                self.id(frame, &plan.first)?.unwrap_or(last) - 1
            };
            if previous > last {
                return Err(Fault::Part);
            }
            Some(previous)
        };
        let event_ns = self.time(frame, plan.time, depth.time.as_ref())?;
        Ok(DepthHead { previous, last, event_ns })
    }

    /// The quote message `index`.
    #[inline]
    pub(crate) fn quote(&self, frame: &[u8], index: usize, grids: &Grids) -> Result<QuoteRead, Fault> {
        let plan = &self.plans[index];
        let Message::Quote(quote) = &plan.message else { return Err(Fault::Part) };
        let quick = (self.quick_level(frame, plan.values[0], plan.values[1], quote, grids)).zip(self.quick_level(
            frame,
            plan.values[2],
            plan.values[3],
            quote,
            grids,
        ));
        let id = if quote.id.is_empty() { 0 } else { self.id(frame, &plan.last)?.ok_or(Fault::Part)? };
        let event_ns = self.time(frame, plan.time, quote.time.as_ref())?;
        if let Some((bid, ask)) = quick {
            return Ok(QuoteRead { id, bid, ask, event_ns });
        }
        let bid = self.quote_texts(frame, quote, plan.values[0], plan.values[1])?;
        let ask = self.quote_texts(frame, quote, plan.values[2], plan.values[3])?;
        let mut off = false;
        let mut count = |texts: Option<Texts<'_>>| -> Result<Level, Fault> {
            let Some((price, quantity)) = texts else { return Ok((0, 0)) };
            match levels::one_level(&price, &quantity, grids) {
                Err(Fault::Off) => {
                    off = true;
                    Ok((0, 0))
                }
                other => other,
            }
        };
        let (bid, ask) = (count(bid)?, count(ask)?);
        if off { Err(Fault::Off) } else { Ok(QuoteRead { id, bid, ask, event_ns }) }
    }

    /// A level of two plain quoted decimals; None where the patient way has to decide.
    #[inline(always)]
    fn quick_level(&self, frame: &[u8], price: u16, quantity: u16, quote: &Quote, grids: &Grids) -> Option<Level> {
        let (price, quantity) = (self.slots[price as usize], self.slots[quantity as usize]);
        let quoted = price.kind == Kind::Text && quantity.kind == Kind::Text;
        if !quoted || self.protobuf || quote.price == NumberForm::Bare || quote.quantity == NumberForm::Bare {
            return None;
        }
        let (ticks, _) = count_fast(frame, price.from as usize, b'"', &grids.0)?;
        let (lots, _) = count_fast(frame, quantity.from as usize, b'"', &grids.1)?;
        Some((ticks, lots))
    }

    #[inline]
    fn quote_texts<'a>(
        &'a self,
        frame: &'a [u8],
        quote: &Quote,
        price: u16,
        quantity: u16,
    ) -> Result<Option<Texts<'a>>, Fault> {
        let slot = self.slots[price as usize];
        if matches!(slot.kind, Kind::Absent | Kind::Null) || slot.kind == Kind::Text && slot.from == slot.to {
            return Ok(None);
        }
        let price = self.slot_text(frame, price, quote.price).ok_or(Fault::Part)?;
        let quantity = self.slot_text(frame, quantity, quote.quantity).ok_or(Fault::Part)?;
        if price.iter().all(|byte| matches!(byte, b'0' | b'.')) {
            return Ok(None);
        }
        Ok(Some((price, quantity)))
    }

    #[inline]
    pub(super) fn holds(&self, frame: &[u8], test: &Test) -> bool {
        holds(frame, &self.slots[test.slot as usize], &test.condition)
    }

    pub(super) fn slot_value<'a>(&'a self, frame: &'a [u8], slot: u16) -> Cell<'a> {
        let number = slot;
        let slot = self.slots[slot as usize];
        if self.protobuf && slot.kind == Kind::Number {
            let digits = self.numbers[number as usize].to_string();
            return Cell { kind: Kind::Number, text: Cow::Owned(digits.into_bytes()) };
        }
        Cell::of(Value { kind: slot.kind, raw: &frame[slot.from as usize..slot.to as usize] })
    }

    #[inline]
    pub(super) fn slot_text<'a>(&'a self, frame: &'a [u8], slot: u16, form: NumberForm) -> Option<Cow<'a, [u8]>> {
        let found = self.slots[slot as usize];
        if found.kind == Kind::Text && form != NumberForm::Bare {
            return Some(Cow::Borrowed(&frame[found.from as usize..found.to as usize]));
        }
        let cell = self.slot_value(frame, slot);
        match (cell.kind, form) {
            (Kind::Number, NumberForm::Bare | NumberForm::Any)
            | (Kind::Text | Kind::Escaped, NumberForm::Quoted | NumberForm::Any) => Some(cell.text),
            _ => None,
        }
    }

    /// The first alternative that is there and not zero.
    #[inline]
    pub(super) fn id(&self, frame: &[u8], slots: &[u16]) -> Result<Option<u64>, Fault> {
        for &slot in slots {
            let found = self.slots[slot as usize];
            let number = match found.kind {
                Kind::Absent | Kind::Null => continue,
                Kind::Number if self.protobuf => Some(self.numbers[slot as usize]).filter(|number| *number < 1 << 63),
                Kind::Number | Kind::Text => {
                    if found.from == found.to {
                        continue;
                    }
                    parse_id_in(frame, found.from as usize, found.to as usize)
                }
                Kind::Escaped => parse_id(&json::unescape(&frame[found.from as usize..found.to as usize])),
                _ => None,
            };
            match number {
                None => return Err(Fault::Part),
                Some(0) => {}
                found => return Ok(found),
            }
        }
        Ok(None)
    }

    #[inline]
    pub(super) fn time(&self, frame: &[u8], slot: u16, time: Option<&Time>) -> Result<i64, Fault> {
        let Some(time) = time else { return Ok(0) };
        let found = self.slots[slot as usize];
        if found.kind == Kind::Number && !self.protobuf {
            let (from, to) = (found.from as usize, found.to as usize);
            return parse_time_in(frame, from, to, time.unit.decimals()).ok_or(Fault::Part);
        }
        cell_time(&self.slot_value(frame, slot), time)
    }
}
