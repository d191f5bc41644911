//! The walk over a frame that fills the slots: JSON in one pass, protobuf by field number.

use super::bound::Bound;
use super::plan::{NO_CHILD, Node, Plan, Slot};
use super::{Decoder, NO_SLOT};
use crate::describe::{Condition, LevelShape, Message};
use crate::json::{self, FrameError, Kind, NESTING_MAX};
use crate::levels::{self, Grids, Scratch};
use crate::proto::{Field, fields};
use crate::template::{Taker, Token};

/// Who a frame may belong to while it is walked.
pub(super) enum Owner<'a> {
    Bound(&'a Bound),
    Known,
}

pub(super) struct Walk<'a> {
    pub(super) data: &'a [u8],
    pub(super) nodes: &'a [Node],
    pub(super) plans: &'a [Plan],
    pub(super) slots: &'a mut [Slot],
    pub(super) sides: &'a mut [Scratch; 2],
    pub(super) owner: Owner<'a>,
    pub(super) grids: &'a [Grids],
    pub(super) levels_max: usize,
    pub(super) known: Option<(usize, u32)>,
    pub(super) tokens: &'a mut Vec<Token>,
    pub(super) learning: bool,
}

impl Taker for Walk<'_> {
    #[inline(always)]
    fn take(&mut self, slot: u16, kind: Kind, from: usize, to: usize) {
        if slot != NO_SLOT {
            self.slots[slot as usize] = Slot { from: from as u32, to: to as u32, kind };
        }
    }

    #[inline(always)]
    fn take_list(&mut self, slot: u16, at: usize, depth: u32) -> Option<usize> {
        if self.data.get(at) != Some(&b'[') {
            return None;
        }
        match self.quick_levels(at, slot, depth) {
            Some(end) => Some(end),
            None => json::skip(self.data, at, depth).ok(),
        }
    }
}

impl Walk<'_> {
    /// Forgets what a template took before it turned out to be the wrong one.
    pub(super) fn start_over(&mut self) {
        self.slots.fill(Slot::default());
        for side in self.sides.iter_mut() {
            side.done = false;
        }
        self.known = None;
    }

    fn met(&mut self, kind: Kind, from: usize, to: usize, slot: u16, depth: u32) {
        if self.learning {
            self.tokens.push(Token { kind, from: from as u32, to: to as u32, slot, depth });
        }
    }

    /// An object whose first byte inside the braces is `at`; `depth` containers are open with it.
    pub(super) fn object(&mut self, at: usize, node: usize, depth: u32) -> Result<usize, FrameError> {
        let data = self.data;
        let mut at = json::space(data, at);
        if data.get(at) == Some(&b'}') {
            return Ok(at + 1);
        }
        let mut seen = 0u64;
        loop {
            if data.get(at) != Some(&b'"') {
                return Err(FrameError);
            }
            let (child, after) = self.key(at + 1, node)?;
            at = json::space(data, after);
            if data.get(at) != Some(&b':') {
                return Err(FrameError);
            }
            at = json::space(data, at + 1);
            at = match child {
                None => {
                    let end = json::skip(data, at, depth)?;
                    let (kind, inner) = match data[at] {
                        b'"' => (Kind::Text, 1),
                        b'-' | b'0'..=b'9' => (Kind::Number, 0),
                        b'[' => (Kind::List, 0),
                        _ => (Kind::Object, 0),
                    };
                    self.met(kind, at + inner, end - inner, NO_SLOT, depth);
                    end
                }
                Some(child) => {
                    if seen >> child & 1 == 1 {
                        return Err(FrameError);
                    }
                    seen |= 1 << child;
                    self.described(at, node, child, depth)?
                }
            };
            at = json::space(data, at);
            match data.get(at) {
                Some(b',') => at = json::space(data, at + 1),
                Some(b'}') => return Ok(at + 1),
                _ => return Err(FrameError),
            }
        }
    }

    /// The described child that a key names, and the place after its closing quote.
    #[inline(always)]
    fn key(&self, at: usize, node: usize) -> Result<(Option<usize>, usize), FrameError> {
        let data = self.data;
        let node = &self.nodes[node];
        if let Some(&[byte @ 0x20..0x80, b'"']) = data.get(at..at + 2) {
            if byte != b'"' && byte != b'\\' {
                let child = node.single[byte as usize];
                return Ok(((child != NO_CHILD).then_some(child as usize), at + 2));
            }
        }
        let (end, escapes) = json::string_end(data, at)?;
        let child = if escapes { node.child(&json::unescape(&data[at..end])) } else { node.child(&data[at..end]) };
        Ok((child, end + 1))
    }

    #[inline(always)]
    fn described(&mut self, at: usize, node: usize, child: usize, depth: u32) -> Result<usize, FrameError> {
        let data = self.data;
        let nodes = self.nodes;
        let child = &nodes[node].children[child];
        let (kind, from, to, end) = match data.get(at) {
            Some(b'"') => {
                let (to, escapes) = json::string_end(data, at + 1)?;
                (if escapes { Kind::Escaped } else { Kind::Text }, at + 1, to, to + 1)
            }
            Some(b'[') => {
                let end = match self.quick_levels(at, child.slot, depth) {
                    Some(end) => end,
                    None => json::skip(data, at, depth)?,
                };
                (Kind::List, at, end, end)
            }
            Some(b'{') => {
                let end = match child.node {
                    Some(below) if depth < NESTING_MAX => self.object(at + 1, below as usize, depth + 1)?,
                    _ => json::skip(data, at, depth)?,
                };
                (Kind::Object, at, end, end)
            }
            _ => {
                let (kind, end) = json::scalar(data, at)?;
                (kind, at, end, end)
            }
        };
        if child.slot != NO_SLOT {
            self.slots[child.slot as usize] = Slot { from: from as u32, to: to as u32, kind };
        }
        if kind != Kind::Object || child.slot != NO_SLOT {
            self.met(kind, from, to, child.slot, depth);
        }
        Ok(end)
    }

    /// Levels straight to ticks and lots, where message and listing are known already.
    #[inline]
    fn quick_levels(&mut self, at: usize, slot: u16, depth: u32) -> Option<usize> {
        if slot == NO_SLOT || depth + 2 > NESTING_MAX {
            return None;
        }
        let (index, listing) = self.resolve()?;
        let plan = &self.plans[index];
        let side = plan.sides.iter().position(|known| *known == slot)?;
        let Message::Depth(message) = &plan.message else { return None };
        let shape: &LevelShape = &message.level;
        let scratch = &mut self.sides[side];
        let end = levels::quick(
            self.data,
            at,
            shape,
            self.grids.get(listing as usize)?,
            self.levels_max,
            &mut scratch.levels,
        )?;
        scratch.done = true;
        Some(end)
    }

    /// Message and listing, if what was seen so far already decides them.
    #[inline]
    fn resolve(&mut self) -> Option<(usize, u32)> {
        if self.known.is_some() {
            return self.known;
        }
        let Owner::Bound(bound) = &self.owner else { return Some((0, 0)) };
        for (index, plan) in self.plans.iter().enumerate() {
            let mut all = true;
            for test in &plan.tests {
                let slot = &self.slots[test.slot as usize];
                if slot.kind == Kind::Absent {
                    return None;
                }
                if !holds(self.data, slot, &test.condition) {
                    all = false;
                    break;
                }
            }
            if all {
                let slot = *self.slots.get(plan.symbol as usize)?;
                if slot.kind != Kind::Text {
                    return None;
                }
                let listing = bound.find(index, &self.data[slot.from as usize..slot.to as usize])?;
                self.known = Some((index, listing));
                return self.known;
            }
        }
        None
    }
}

#[inline]
pub(super) fn holds(frame: &[u8], slot: &Slot, condition: &Condition) -> bool {
    if let Some(has) = condition.has {
        return !matches!(slot.kind, Kind::Absent | Kind::Null) == has;
    }
    let raw = &frame[slot.from as usize..slot.to as usize];
    let owned;
    let text = match slot.kind {
        Kind::Text => raw,
        Kind::Escaped => {
            owned = json::unescape(raw);
            &owned
        }
        _ => return false,
    };
    if let Some(wanted) = &condition.equals {
        return text == wanted.as_bytes();
    }
    if let Some(wanted) = &condition.prefix {
        return text.starts_with(wanted.as_bytes());
    }
    condition.suffix.as_ref().is_some_and(|wanted| text.ends_with(wanted.as_bytes()))
}

impl Decoder {
    pub(super) fn walk_proto(&mut self, frame: &[u8], from: usize, to: usize, node: usize) -> Result<(), FrameError> {
        let base = frame.as_ptr() as usize;
        let mut inner: Vec<(usize, usize, usize)> = Vec::new();
        let mut seen = 0u64;
        let Decoder { nodes, slots, numbers, repeated, .. } = self;
        fields(&frame[from..to], |number, field| {
            let mut text = [0u8; 10];
            let Some(index) = nodes[node].child(decimal(number, &mut text)) else { return Ok(()) };
            let child = &nodes[node].children[index];
            let span = |bytes: &[u8]| {
                let start = bytes.as_ptr() as usize - base;
                (start, start + bytes.len())
            };
            if let Some((slot, spans)) = repeated.iter_mut().find(|(slot, _)| *slot == child.slot) {
                let Field::Bytes(bytes) = field else { return Err(FrameError) };
                let (start, end) = span(bytes);
                spans.push((start as u32, end as u32));
                slots[*slot as usize].kind = Kind::List;
                return Ok(());
            }
            if seen >> index & 1 == 1 {
                return Err(FrameError);
            }
            seen |= 1 << index;
            if child.slot != NO_SLOT {
                slots[child.slot as usize] = match field {
                    Field::Varint(number) => {
                        numbers[child.slot as usize] = number;
                        Slot { kind: Kind::Number, ..Slot::default() }
                    }
                    Field::Fixed => Slot { kind: Kind::Object, ..Slot::default() },
                    Field::Bytes(bytes) => {
                        let (start, end) = span(bytes);
                        Slot { from: start as u32, to: end as u32, kind: Kind::Text }
                    }
                };
            }
            if let Some(below) = child.node {
                let Field::Bytes(bytes) = field else { return Err(FrameError) };
                let (start, end) = span(bytes);
                inner.push((start, end, below as usize));
            }
            Ok(())
        })?;
        for (start, end, below) in inner {
            self.walk_proto(frame, start, end, below)?;
        }
        Ok(())
    }
}

fn decimal(number: u32, buffer: &mut [u8; 10]) -> &[u8] {
    let mut at = buffer.len();
    let mut rest = number;
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return &buffer[at..];
        }
    }
}
