//! What frames of one shape have in common, so that the next one is compared rather than understood.
//!
//! A venue writes the frames of one message with the same keys in the same order. A template is learned from a frame
//! that was read in full: the bytes between its values, and what each value is. A frame that matches it byte for byte
//! between values of the same kinds is as valid as the one before; any other is read in full.

use crate::json::{Kind, NESTING_MAX, number_end, plain_end};
use crate::number::load8;

/// Templates that one decoder keeps.
pub(crate) const TEMPLATES_MAX: usize = 6;
/// Frames that a decoder learns from before it takes their shapes for random.
pub(crate) const LESSONS_MAX: u32 = 64;

/// A value that was met while a frame was read in full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub kind: Kind,
    pub from: u32,
    pub to: u32,
    pub slot: u16,
    pub depth: u32,
}

/// Bytes that must stand at a place, compared eight at a time.
#[derive(Debug)]
struct Literal {
    words: Vec<(u64, u64)>,
    length: usize,
}

impl Literal {
    fn new(bytes: &[u8]) -> Literal {
        let words = bytes
            .chunks(8)
            .map(|chunk| (load8(chunk, 0), if chunk.len() == 8 { u64::MAX } else { (1 << (8 * chunk.len())) - 1 }))
            .collect();
        Literal { words, length: bytes.len() }
    }

    /// The place behind the literal, if it stands at `at`.
    #[inline(always)]
    fn pass(&self, data: &[u8], at: usize) -> Option<usize> {
        let mut place = at;
        for &(word, mask) in &self.words {
            if (load8(data, place) ^ word) & mask != 0 {
                return None;
            }
            place += 8;
        }
        let end = at + self.length;
        (end <= data.len()).then_some(end)
    }
}

#[derive(Debug)]
struct Place {
    before: Literal,
    kind: Kind,
    slot: u16,
    depth: u32,
}

/// The shape of one message's frames.
#[derive(Debug)]
pub(crate) struct Template {
    places: Vec<Place>,
    tail: Literal,
}

/// Takes the values of a frame that follows a template.
pub(crate) trait Taker {
    /// A string or number.
    fn take(&mut self, slot: u16, kind: Kind, from: usize, to: usize);
    /// A list: where it ends, if it could be taken.
    fn take_list(&mut self, slot: u16, at: usize, depth: u32) -> Option<usize>;
}

impl Template {
    /// Learns from the values of a frame, in their order. None when something in it has no fixed shape.
    pub(crate) fn learn(data: &[u8], tokens: &[Token]) -> Option<Template> {
        let fixed =
            |token: &Token| matches!(token.kind, Kind::Text | Kind::Number | Kind::List) && token.depth <= NESTING_MAX;
        if !tokens.iter().all(fixed) {
            return None;
        }
        let mut places = Vec::with_capacity(tokens.len());
        let mut at = 0;
        for token in tokens {
            places.push(Place {
                before: Literal::new(&data[at..token.from as usize]),
                kind: token.kind,
                slot: token.slot,
                depth: token.depth,
            });
            at = token.to as usize;
        }
        Some(Template { places, tail: Literal::new(&data[at..]) })
    }

    /// Reads a frame of this shape. False, with some values taken, when it is of another.
    #[inline]
    pub(crate) fn follow(&self, data: &[u8], taker: &mut impl Taker) -> bool {
        self.try_follow(data, taker).is_some()
    }

    #[inline(always)]
    fn try_follow(&self, data: &[u8], taker: &mut impl Taker) -> Option<()> {
        let mut at = 0;
        for place in &self.places {
            let from = place.before.pass(data, at)?;
            at = match place.kind {
                Kind::List => taker.take_list(place.slot, from, place.depth)?,
                Kind::Number => number_end(data, from).ok()?,
                _ => plain_end(data, from)?,
            };
            taker.take(place.slot, place.kind, from, at);
        }
        (self.tail.pass(data, at)? == data.len()).then_some(())
    }
}
