//! Public trades: one a frame, or a list of rows.

use super::bound::Bound;
use super::plan::Plan;
use super::{Decoder, NO_SLOT};
use crate::describe::{Message, NumberForm, Time, Trades};
use crate::fault::Fault;
use crate::json::{self, Kind, Value};
use crate::levels::{self, Grids, Members, ProtoRow};
use crate::number::parse_time_ns;
use std::borrow::Cow;

/// One trade.
#[derive(Clone, Debug)]
pub(crate) struct TradeRead {
    pub ticks: u64,
    pub lots: u64,
    pub side: i8,
    pub id: String,
    pub event_ns: i64,
}

/// A trade in text, and whose it is where rows say that.
pub(crate) struct TradeTexts<'a> {
    price: Cow<'a, [u8]>,
    quantity: Cow<'a, [u8]>,
    side: i8,
    id: String,
    event_ns: i64,
    symbol: Vec<u8>,
}

impl Decoder {
    /// The trades of message `index`.
    pub(crate) fn trades<'a>(&'a self, frame: &'a [u8], index: usize) -> Result<Vec<TradeTexts<'a>>, Fault> {
        let plan = &self.plans[index];
        let Message::Trades(trades) = &plan.message else { return Err(Fault::Part) };
        let mut texts = Vec::new();
        if plan.rows == NO_SLOT {
            texts.push(self.single_trade(frame, plan, trades)?);
        } else {
            self.trade_rows(frame, plan, trades, &mut texts)?;
        }
        Ok(texts)
    }

    /// Whose a trade with a symbol of its own is.
    pub(crate) fn owner(bound: &Bound, index: usize, trade: &TradeTexts<'_>) -> Option<u32> {
        bound.find(index, &trade.symbol)
    }

    fn single_trade<'a>(&'a self, frame: &'a [u8], plan: &Plan, trades: &Trades) -> Result<TradeTexts<'a>, Fault> {
        let get = |slot: u16| if slot == NO_SLOT { None } else { Some(self.slot_value(frame, slot)) };
        let values =
            [get(plan.values[0]), get(plan.values[1]), get(plan.values[2]), get(plan.values[3]), get(plan.time), None];
        trade_texts(trades, values)
    }

    fn trade_rows<'a>(
        &'a self,
        frame: &'a [u8],
        plan: &Plan,
        trades: &Trades,
        texts: &mut Vec<TradeTexts<'a>>,
    ) -> Result<(), Fault> {
        let slot = self.slots[plan.rows as usize];
        if slot.kind != Kind::List {
            return Err(Fault::Part);
        }
        let time = trades.time.as_ref().map_or("", |time| time.path.as_str());
        let keys: [&str; 6] =
            [&trades.price_path, &trades.quantity_path, &trades.side, &trades.id, time, &trades.row_symbol];
        if self.protobuf {
            let spans = self.repeated.iter().find(|(slot, _)| *slot == plan.rows).map_or(&[][..], |(_, spans)| spans);
            if spans.len() > self.levels_max {
                return Err(Fault::Part);
            }
            let numbers = keys.map(levels::key_number);
            for &(from, to) in spans {
                let row = ProtoRow::of(&frame[from as usize..to as usize], &numbers)?;
                let value = |index: usize| -> Option<Cell<'a>> {
                    if keys[index].is_empty() {
                        return None;
                    }
                    Some(if !row.has(index) {
                        Cell { kind: Kind::Null, text: Cow::Borrowed(b"") }
                    } else if let Some(text) = row.text(index, NumberForm::Quoted) {
                        Cell { kind: Kind::Text, text }
                    } else if let Some(text) = row.text(index, NumberForm::Bare) {
                        Cell { kind: Kind::Number, text }
                    } else {
                        Cell { kind: Kind::Object, text: Cow::Borrowed(b"") }
                    })
                };
                texts.push(trade_texts(trades, [value(0), value(1), value(2), value(3), value(4), value(5)])?);
            }
            return Ok(());
        }
        let list = &frame[slot.from as usize..slot.to as usize];
        let mut count = 0;
        json::elements::<Fault>(list, |_| {
            count += 1;
            Ok(())
        })?;
        if count > self.levels_max {
            return Err(Fault::Part);
        }
        json::elements::<Fault>(list, |row| {
            if row.kind != Kind::Object {
                return Err(Fault::Part);
            }
            let mut members = Members::of(row.raw, &keys).ok_or(Fault::Part)?;
            let mut value = |index: usize| {
                let nothing = Value { kind: Kind::Null, raw: b"" };
                (!keys[index].is_empty()).then(|| Cell::of(members.take(index).unwrap_or(nothing)))
            };
            let values = [value(0), value(1), value(2), value(3), value(4), value(5)];
            texts.push(trade_texts(trades, values)?);
            Ok(())
        })
    }
}

/// A value with its text, unescaped.
pub(super) struct Cell<'a> {
    pub(super) kind: Kind,
    pub(super) text: Cow<'a, [u8]>,
}

impl<'a> Cell<'a> {
    pub(super) fn of(value: Value<'a>) -> Cell<'a> {
        match value.kind {
            Kind::Escaped => Cell { kind: Kind::Text, text: Cow::Owned(json::unescape(value.raw)) },
            Kind::True => Cell { kind: Kind::True, text: Cow::Borrowed(b"true") },
            Kind::False => Cell { kind: Kind::False, text: Cow::Borrowed(b"false") },
            kind => Cell { kind, text: Cow::Borrowed(value.raw) },
        }
    }

    fn number(self, form: NumberForm) -> Result<Cow<'a, [u8]>, Fault> {
        match (self.kind, form) {
            (Kind::Text, NumberForm::Quoted | NumberForm::Any) | (Kind::Number, NumberForm::Bare | NumberForm::Any) => {
                Ok(self.text)
            }
            _ => Err(Fault::Part),
        }
    }
}

impl TradeTexts<'_> {
    /// In ticks and lots.
    pub(crate) fn count(&self, grids: &Grids) -> Result<TradeRead, Fault> {
        let (ticks, lots) = levels::one_level(&self.price, &self.quantity, grids)?;
        Ok(TradeRead { ticks, lots, side: self.side, id: self.id.clone(), event_ns: self.event_ns })
    }
}

/// A trade from price, quantity, side, id, time and symbol; an undescribed one is None.
fn trade_texts<'a>(trades: &Trades, values: [Option<Cell<'a>>; 6]) -> Result<TradeTexts<'a>, Fault> {
    let [price, quantity, side, id, time, symbol] = values;
    let price = price.ok_or(Fault::Part)?.number(trades.price)?;
    let mut quantity = quantity.ok_or(Fault::Part)?.number(trades.quantity)?;
    let side = match side {
        Some(cell) => match cell.kind {
            Kind::Text | Kind::Number | Kind::True | Kind::False if *cell.text == *trades.buy.as_bytes() => 1,
            Kind::Text | Kind::Number | Kind::True | Kind::False if *cell.text == *trades.sell.as_bytes() => -1,
            _ => return Err(Fault::Part),
        },
        None if quantity.first() == Some(&b'-') => {
            quantity = Cow::Owned(quantity[1..].to_vec());
            -1
        }
        None => 1,
    };
    let id = match id {
        None => String::new(),
        Some(cell) => match cell.kind {
            Kind::Absent | Kind::Null => String::new(),
            Kind::Text | Kind::Number => String::from_utf8(cell.text.into_owned()).map_err(|_| Fault::Part)?,
            _ => return Err(Fault::Part),
        },
    };
    let event_ns = match (&trades.time, time) {
        (Some(told), Some(cell)) => cell_time(&cell, told)?,
        _ => 0,
    };
    let symbol = match symbol {
        None => Vec::new(),
        Some(Cell { kind: Kind::Text, text }) => text.into_owned(),
        Some(_) => return Err(Fault::Part),
    };
    Ok(TradeTexts { price, quantity, side, id, event_ns, symbol })
}

pub(super) fn cell_time(cell: &Cell<'_>, time: &Time) -> Result<i64, Fault> {
    match cell.kind {
        Kind::Absent | Kind::Null => Ok(0),
        Kind::Text if cell.text.is_empty() => Ok(0),
        Kind::Text | Kind::Number => parse_time_ns(&cell.text, time.unit.decimals()).ok_or(Fault::Part),
        _ => Err(Fault::Part),
    }
}
