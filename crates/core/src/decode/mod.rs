//! A description compiled into a one-pass scanner (`oneprice.core.decode`).
//!
//! Only described keys are looked at. Levels go straight to ticks and lots as soon as the frame's message and listing
//! are known, which in practice they are before the first level; otherwise they are read in a second look.

mod bound;
mod parts;
mod plan;
mod trades;
mod walk;

pub(crate) use bound::Bound;
pub(crate) use parts::QuoteRead;
pub(crate) use trades::TradeRead;

use crate::describe::{Depth, Description, Format, Message};
use crate::json::{self, FrameError, Kind};
use crate::levels::{Grids, Scratch};
use crate::template::{LESSONS_MAX, TEMPLATES_MAX, Template, Token};
use plan::{Node, Plan, Slot};
use std::collections::HashMap;
use walk::{Owner, Walk};

/// No slot: the value is not asked for.
const NO_SLOT: u16 = u16::MAX;

/// Which message a frame is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No market data.
    Control,
    /// Market data of a symbol that is not bound.
    Unknown(usize),
    /// Message and listing.
    Known(usize, u32),
    /// Trades of several symbols.
    Mixed(usize),
}

/// A compiled description with the memory of one frame.
#[derive(Debug)]
pub struct Decoder {
    nodes: Vec<Node>,
    plans: Vec<Plan>,
    slots: Vec<Slot>,
    /// Values of protobuf numbers, by slot.
    numbers: Vec<u64>,
    paths: HashMap<String, u16>,
    /// Slots whose protobuf field is repeated, and the messages found.
    repeated: Vec<(u16, Vec<(u32, u32)>)>,
    protobuf: bool,
    frame_bytes_max: usize,
    levels_max: usize,
    templates: Vec<Template>,
    /// The template that the last frame followed.
    likely: usize,
    lessons: u32,
    tokens: Vec<Token>,
    /// Bids and asks of the last depth message.
    pub(crate) sides: [Scratch; 2],
}

impl Decoder {
    /// Compiles a description (JSON). Gives a message about what is wrong with it.
    pub fn new(description: &[u8], levels_max: usize) -> Result<Decoder, String> {
        let told: Description = serde_json::from_slice(description).map_err(|error| error.to_string())?;
        let (messages, format, frame_bytes_max) = match told {
            Description::Stream { messages, format, frame_bytes_max } => (messages, format, frame_bytes_max),
            Description::Snapshot { last, bids, asks, level, time, frame_bytes_max } => {
                let depth = Depth {
                    name: "snapshot".into(),
                    when: Vec::new(),
                    symbol: String::new(),
                    last,
                    bids,
                    asks,
                    level,
                    first: Vec::new(),
                    previous: Vec::new(),
                    full: true,
                    full_when: None,
                    may_miss_side: false,
                    levels_max: 0,
                    time,
                };
                (vec![Message::Depth(depth)], Format::Json, frame_bytes_max)
            }
        };
        let mut decoder = Decoder {
            nodes: vec![Node::new()],
            plans: Vec::new(),
            slots: Vec::new(),
            numbers: Vec::new(),
            paths: HashMap::new(),
            repeated: Vec::new(),
            protobuf: format == Format::Protobuf,
            frame_bytes_max,
            levels_max,
            templates: Vec::new(),
            likely: 0,
            lessons: 0,
            tokens: Vec::new(),
            sides: Default::default(),
        };
        for message in messages {
            let plan = decoder.compile(message)?;
            decoder.plans.push(plan);
        }
        Ok(decoder)
    }

    /// The described messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.plans.iter().map(|plan| &plan.message)
    }

    /// The described message with this number.
    pub fn message(&self, index: usize) -> &Message {
        &self.plans[index].message
    }

    /// Reads a frame; parts of the message are then taken with `depth`, `quote`, `trades`.
    #[inline]
    pub(crate) fn read(&mut self, frame: &[u8], bound: &Bound, grids: &[Grids]) -> Result<Found, FrameError> {
        self.walk(frame, Owner::Bound(bound), grids)?;
        if self.protobuf && frame.first() == Some(&b'{') {
            return Ok(Found::Control);
        }
        let Some(index) = self.plans.iter().position(|plan| plan.tests.iter().all(|test| self.holds(frame, test)))
        else {
            return Ok(Found::Control);
        };
        if self.plans[index].symbol == NO_SLOT {
            return Ok(Found::Mixed(index));
        }
        let slot = self.slots[self.plans[index].symbol as usize];
        let listing = match slot.kind {
            Kind::Text => bound.find(index, &frame[slot.from as usize..slot.to as usize]),
            Kind::Escaped => bound.find(index, &json::unescape(&frame[slot.from as usize..slot.to as usize])),
            _ => return Err(FrameError),
        };
        Ok(listing.map_or(Found::Unknown(index), |listing| Found::Known(index, listing)))
    }

    /// Reads the body of a REST snapshot for a listing that the caller knows.
    pub(crate) fn read_snapshot(&mut self, body: &[u8], grids: &Grids) -> Result<(), FrameError> {
        self.walk(body, Owner::Known, std::slice::from_ref(grids))
    }

    fn walk(&mut self, frame: &[u8], owner: Owner<'_>, grids: &[Grids]) -> Result<(), FrameError> {
        if frame.len() > self.frame_bytes_max {
            return Err(FrameError);
        }
        self.slots.fill(Slot::default());
        for side in &mut self.sides {
            side.done = false;
        }
        if self.protobuf {
            for (_, spans) in &mut self.repeated {
                spans.clear();
            }
            if frame.first() == Some(&b'{') {
                return Ok(());
            }
            return self.walk_proto(frame, 0, frame.len(), 0);
        }
        let mut walk = Walk {
            data: frame,
            nodes: &self.nodes,
            plans: &self.plans,
            slots: &mut self.slots,
            sides: &mut self.sides,
            owner,
            grids,
            levels_max: self.levels_max,
            known: None,
            tokens: &mut self.tokens,
            learning: self.lessons < LESSONS_MAX,
        };
        for turn in 0..self.templates.len() {
            let index = (self.likely + turn) % self.templates.len();
            if self.templates[index].follow(frame, &mut walk) {
                self.likely = index;
                return Ok(());
            }
            walk.start_over();
        }
        walk.tokens.clear();
        let at = json::space(frame, 0);
        let end = if frame.get(at) == Some(&b'{') { walk.object(at + 1, 0, 1)? } else { json::skip(frame, at, 0)? };
        if json::space(frame, end) != frame.len() {
            return Err(FrameError);
        }
        if self.lessons < LESSONS_MAX && !self.tokens.is_empty() {
            self.learn(frame);
        }
        Ok(())
    }

    #[cold]
    fn learn(&mut self, frame: &[u8]) {
        if let Some(template) = Template::learn(frame, &self.tokens) {
            self.lessons += 1;
            if self.templates.len() < TEMPLATES_MAX {
                self.templates.push(template);
            } else {
                self.templates[self.lessons as usize % TEMPLATES_MAX] = template;
            }
        }
    }
}
