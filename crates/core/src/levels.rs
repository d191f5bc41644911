//! Price levels of a frame: the quick way for the common compact form, and the patient way for everything else.

use crate::book::Level;
use crate::describe::{LevelKind, LevelShape, NumberForm};
use crate::fault::Fault;
use crate::json::{Kind, Value, elements, members, unescape};
use crate::number::{Grid, NumberError, count_fast};
use crate::proto::{Field, fields};
use std::borrow::Cow;

/// One side while a frame is read.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Ticks and lots.
    pub levels: Vec<Level>,
    /// The quick way has read this side.
    pub done: bool,
}

/// Grids of price and quantity.
pub(crate) type Grids = (Grid, Grid);

/// Reads a compact JSON list of `[price, quantity, ...]` whose `[` is at `at`. Gives where it ends, or None where
/// anything is unusual; what was read until then is forgotten.
#[inline]
pub(crate) fn quick(
    data: &[u8],
    at: usize,
    shape: &LevelShape,
    grids: &Grids,
    levels_max: usize,
    out: &mut Vec<Level>,
) -> Option<usize> {
    out.clear();
    if shape.kind != LevelKind::Array {
        return None;
    }
    let end =
        if shape.price != NumberForm::Bare && shape.quantity != NumberForm::Bare && data.get(at + 2) != Some(&b'[') {
            quick_quoted(data, at + 1, grids, levels_max, out)
        } else {
            None
        };
    let end = end.or_else(|| {
        out.clear();
        (shape.price != NumberForm::Quoted && shape.quantity != NumberForm::Quoted)
            .then(|| quick_bare(data, at + 1, grids, levels_max, out))
            .flatten()
    });
    if end.is_none() {
        out.clear();
    }
    end
}

#[inline(always)]
fn quick_quoted(data: &[u8], mut at: usize, grids: &Grids, levels_max: usize, out: &mut Vec<Level>) -> Option<usize> {
    if data.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    let (price, quantity) = (&grids.0, &grids.1);
    loop {
        if data.get(at..at + 2)? != b"[\"" {
            return None;
        }
        let (ticks, end) = count_fast(data, at + 2, b'"', price)?;
        if data.get(end + 1..end + 3)? != b",\"" {
            return None;
        }
        let (lots, end) = count_fast(data, end + 3, b'"', quantity)?;
        if out.len() >= levels_max {
            return None;
        }
        out.push((ticks, lots));
        match *data.get(end + 1..end + 3)? {
            [b']', b','] => at = end + 3,
            [b']', b']'] => return Some(end + 3),
            _ => return None,
        }
    }
}

fn quick_bare(data: &[u8], mut at: usize, grids: &Grids, levels_max: usize, out: &mut Vec<Level>) -> Option<usize> {
    if data.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        if *data.get(at)? != b'[' || leading_zero(data, at + 1) {
            return None;
        }
        let (ticks, end) = count_fast(data, at + 1, b',', &grids.0)?;
        if leading_zero(data, end + 1) {
            return None;
        }
        let (lots, mut end) =
            count_fast(data, end + 1, b',', &grids.1).or_else(|| count_fast(data, end + 1, b']', &grids.1))?;
        while *data.get(end)? == b',' {
            let from = end + 1;
            end = from;
            while data.get(end)?.is_ascii_digit() {
                end += 1;
            }
            if end == from || end > from + 1 && data[from] == b'0' {
                return None;
            }
        }
        if out.len() >= levels_max {
            return None;
        }
        out.push((ticks, lots));
        match *data.get(end..end + 2)? {
            [b']', b','] => at = end + 2,
            [b']', b']'] => return Some(end + 2),
            _ => return None,
        }
    }
}

/// JSON does not allow a bare `01`.
fn leading_zero(data: &[u8], at: usize) -> bool {
    data.get(at) == Some(&b'0') && data.get(at + 1).is_some_and(u8::is_ascii_digit)
}

/// A price and a quantity as text.
pub(crate) type Texts<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The levels of a checked JSON list, as text.
pub(crate) fn json_texts<'a>(list: &'a [u8], shape: &LevelShape, levels_max: usize) -> Result<Vec<Texts<'a>>, Fault> {
    let mut found = Vec::new();
    let mut wrong = false;
    elements::<Fault>(list, |row| {
        let pair = if shape.kind == LevelKind::Array { array_pair(row) } else { object_pair(row, shape) };
        match pair.and_then(|(price, quantity)| Some((text(&price, shape.price)?, text(&quantity, shape.quantity)?))) {
            Some(texts) => found.push(texts),
            None => wrong = true,
        }
        if found.len() > levels_max {
            return Err(Fault::Part);
        }
        Ok(())
    })?;
    if wrong { Err(Fault::Part) } else { Ok(found) }
}

fn array_pair(row: Value<'_>) -> Option<(Value<'_>, Value<'_>)> {
    if row.kind != Kind::List {
        return None;
    }
    let mut pair = [None, None];
    let mut index = 0;
    elements::<Fault>(row.raw, |item| {
        if index < 2 {
            pair[index] = Some(item);
        }
        index += 1;
        Ok(())
    })
    .ok()?;
    Some((pair[0]?, pair[1]?))
}

fn object_pair<'a>(row: Value<'a>, shape: &LevelShape) -> Option<(Value<'a>, Value<'a>)> {
    if row.kind != Kind::Object {
        return None;
    }
    let mut member = Members::of(row.raw, &[&shape.price_key, &shape.quantity_key])?;
    Some((member.take(0)?, member.take(1)?))
}

/// Some members of a JSON object, found by key; a key that stands twice gives nothing.
pub(crate) struct Members<'a> {
    found: Vec<Option<Value<'a>>>,
}

impl<'a> Members<'a> {
    /// Looks for `keys` in a checked object. None when one of them stands twice.
    pub(crate) fn of(object: &'a [u8], keys: &[&str]) -> Option<Members<'a>> {
        let mut found = vec![None; keys.len()];
        let mut doubled = false;
        members(object, |key, value| {
            for (place, wanted) in found.iter_mut().zip(keys) {
                if !wanted.is_empty() && wanted.as_bytes() == key {
                    doubled |= place.is_some();
                    *place = Some(value);
                }
            }
        })
        .ok()?;
        (!doubled).then_some(Members { found })
    }

    pub(crate) fn take(&mut self, index: usize) -> Option<Value<'a>> {
        self.found[index].take()
    }
}

/// The text of a number in the form that the description asks for.
pub(crate) fn text<'a>(value: &Value<'a>, form: NumberForm) -> Option<Cow<'a, [u8]>> {
    match (value.kind, form) {
        (Kind::Text, NumberForm::Quoted | NumberForm::Any) | (Kind::Number, NumberForm::Bare | NumberForm::Any) => {
            Some(Cow::Borrowed(value.raw))
        }
        (Kind::Escaped, NumberForm::Quoted | NumberForm::Any) => Some(Cow::Owned(unescape(value.raw))),
        _ => None,
    }
}

/// The levels of a repeated protobuf message, as text.
pub(crate) fn proto_texts<'a>(
    data: &'a [u8],
    spans: &[(u32, u32)],
    shape: &LevelShape,
    levels_max: usize,
) -> Result<Vec<Texts<'a>>, Fault> {
    if spans.len() > levels_max {
        return Err(Fault::Part);
    }
    let keys = [key_number(&shape.price_key), key_number(&shape.quantity_key)];
    let forms = [shape.price, shape.quantity];
    let mut found = Vec::with_capacity(spans.len());
    let mut wrong = false;
    for &(from, to) in spans {
        let row = ProtoRow::of(&data[from as usize..to as usize], &keys)?;
        match (row.text(0, forms[0]), row.text(1, forms[1])) {
            (Some(price), Some(quantity)) => found.push((price, quantity)),
            _ => wrong = true,
        }
    }
    if wrong { Err(Fault::Part) } else { Ok(found) }
}

pub(crate) fn key_number(key: &str) -> u32 {
    key.parse().unwrap_or(0)
}

/// Some fields of a small protobuf message.
pub(crate) struct ProtoRow<'a> {
    found: Vec<(u8, Field<'a>)>,
}

impl<'a> ProtoRow<'a> {
    pub(crate) fn of(message: &'a [u8], numbers: &[u32]) -> Result<ProtoRow<'a>, Fault> {
        let mut found = vec![(0u8, Field::Fixed); numbers.len()];
        fields(message, |number, field| {
            for (place, wanted) in found.iter_mut().zip(numbers) {
                if *wanted == number {
                    *place = (place.0.saturating_add(1), field);
                }
            }
            Ok(())
        })
        .map_err(|_| Fault::Frame)?;
        Ok(ProtoRow { found })
    }

    /// Whether the field is there at all.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.found[index].0 > 0
    }

    /// The text of a field that is there once.
    pub(crate) fn text(&self, index: usize, form: NumberForm) -> Option<Cow<'a, [u8]>> {
        match self.found[index] {
            (1, Field::Bytes(bytes)) if form != NumberForm::Bare => Some(Cow::Borrowed(bytes)),
            (1, Field::Varint(value)) if form != NumberForm::Quoted => Some(Cow::Owned(value.to_string().into_bytes())),
            _ => None,
        }
    }
}

/// Texts to ticks and lots. No number weighs more than off the grid, wherever it stands.
pub(crate) fn convert(texts: &[Texts<'_>], grids: &Grids, out: &mut Vec<Level>) -> Result<(), Fault> {
    out.clear();
    let mut off = false;
    for (price, quantity) in texts {
        match (grids.0.count(price), grids.1.count(quantity)) {
            (Ok(ticks), Ok(lots)) => out.push((ticks, lots)),
            (Err(NumberError::Invalid), _) | (_, Err(NumberError::Invalid)) => return Err(Fault::Part),
            _ => off = true,
        }
    }
    if off { Err(Fault::Off) } else { Ok(()) }
}

/// One price and quantity in ticks and lots.
pub(crate) fn one_level(price: &[u8], quantity: &[u8], grids: &Grids) -> Result<Level, Fault> {
    use NumberError::Invalid;
    match (grids.0.count(price), grids.1.count(quantity)) {
        (Ok(ticks), Ok(lots)) => Ok((ticks, lots)),
        (Err(Invalid), _) | (_, Err(Invalid)) => Err(Fault::Part),
        _ => Err(Fault::Off),
    }
}
