//! A description compiled into a one-pass scanner (`oneprice.core.decode`).
//!
//! Only described keys are looked at. Levels go straight to ticks and lots as soon as the frame's message and listing
//! are known, which in practice they are before the first level; otherwise they are read in a second look.

use crate::book::Level;
use crate::describe::{Condition, Depth, Description, Format, LevelShape, Message, NumberForm, Quote, Time, TimeUnit, Trades};
use crate::json::{self, FrameError, Kind, NESTING_MAX, Value};
use crate::levels::{self, Grids, Members, ProtoRow, Scratch, Texts};
use crate::number::{count_fast, load8, parse_id, parse_id_in, parse_time_in, parse_time_ns};
use crate::proto::{Field, fields};
use crate::template::{LESSONS_MAX, TEMPLATES_MAX, Taker, Template, Token};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The frame as a whole cannot be trusted.
    Frame,
    /// The frame is sound, this message is not.
    Part,
    /// A price or quantity is off the listing's grid.
    Off,
}

impl From<FrameError> for Fault {
    fn from(_: FrameError) -> Fault {
        Fault::Frame
    }
}

/// Whose a message with a symbol is.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    by_message: Vec<HashMap<Box<[u8]>, u32, BuildHasherDefault<SymbolHasher>>>,
}

/// A quick hash of short symbols. They come from the configuration, not from frames, so that nobody can choose them to
/// collide.
#[derive(Clone, Copy, Debug, Default)]
struct SymbolHasher(u64);

impl Hasher for SymbolHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            self.write_u64(load8(bytes, at));
            at += 8;
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

impl Bound {
    pub(crate) fn new(messages: usize) -> Bound {
        Bound { by_message: vec![HashMap::default(); messages] }
    }

    pub(crate) fn insert(&mut self, message: usize, symbol: &str, listing: u32) {
        self.by_message[message].insert(symbol.as_bytes().into(), listing);
    }

    pub(crate) fn remove(&mut self, symbol: &str) {
        for bound in &mut self.by_message {
            bound.remove(symbol.as_bytes());
        }
    }

    pub(crate) fn listings(&self, message: usize) -> impl Iterator<Item = u32> + '_ {
        self.by_message[message].values().copied()
    }

    #[inline]
    fn find(&self, message: usize, symbol: &[u8]) -> Option<u32> {
        self.by_message[message].get(symbol).copied()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    from: u32,
    to: u32,
    kind: Kind,
}

const NO_CHILD: u8 = u8::MAX;
const NO_SLOT: u16 = u16::MAX;

#[derive(Debug)]
struct Child {
    key: Box<[u8]>,
    slot: u16,
    node: Option<u16>,
}

#[derive(Debug)]
struct Node {
    children: Vec<Child>,
    single: Box<[u8; 128]>,
}

impl Node {
    fn new() -> Node {
        Node { children: Vec::new(), single: Box::new([NO_CHILD; 128]) }
    }

    fn child(&self, key: &[u8]) -> Option<usize> {
        self.children.iter().position(|child| *child.key == *key)
    }
}

#[derive(Debug)]
struct Test {
    slot: u16,
    condition: Condition,
}

#[derive(Debug)]
struct Plan {
    message: Message,
    tests: Vec<Test>,
    symbol: u16,
    /// Slots of bids and asks, for depth.
    sides: [u16; 2],
    last: Vec<u16>,
    first: Vec<u16>,
    previous: Vec<u16>,
    full_when: u16,
    /// Bid price, bid quantity, ask price, ask quantity; or price, quantity, side, id of a single trade.
    values: [u16; 4],
    rows: u16,
    time: u16,
}

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
        self.lessons += 1;
        if let Some(template) = Template::learn(frame, &self.tokens) {
            if self.templates.len() < TEMPLATES_MAX {
                self.templates.push(template);
            } else {
                self.templates[self.lessons as usize % TEMPLATES_MAX] = template;
            }
        }
    }

    fn walk_proto(&mut self, frame: &[u8], from: usize, to: usize, node: usize) -> Result<(), FrameError> {
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
                    Field::Fixed => Slot { kind: Kind::False, ..Slot::default() },
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

    // ------------------------------------------------------------------ parts

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
        let bids = if sides[0].done { None } else { Some(self.side_texts(frame, index, 0)?) };
        let asks = if sides[1].done { None } else { Some(self.side_texts(frame, index, 1)?) };
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
            Kind::List => levels::json_texts(&frame[slot.from as usize..slot.to as usize], &depth.level, self.levels_max),
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
        let quick = (self.quick_level(frame, plan.values[0], plan.values[1], quote, grids))
            .zip(self.quick_level(frame, plan.values[2], plan.values[3], quote, grids));
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
            match one_level(&price, &quantity, grids) {
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
        let values = [get(plan.values[0]), get(plan.values[1]), get(plan.values[2]), get(plan.values[3]), get(plan.time), None];
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
                        Cell { kind: Kind::False, text: Cow::Borrowed(b"") }
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

    // ------------------------------------------------------------------ slots

    #[inline]
    fn holds(&self, frame: &[u8], test: &Test) -> bool {
        holds(frame, &self.slots[test.slot as usize], &test.condition)
    }

    fn slot_value<'a>(&'a self, frame: &'a [u8], slot: u16) -> Cell<'a> {
        let number = slot;
        let slot = self.slots[slot as usize];
        if self.protobuf && slot.kind == Kind::Number {
            let digits = self.numbers[number as usize].to_string();
            return Cell { kind: Kind::Number, text: Cow::Owned(digits.into_bytes()) };
        }
        Cell::of(Value { kind: slot.kind, raw: &frame[slot.from as usize..slot.to as usize] })
    }

    #[inline]
    fn slot_text<'a>(&'a self, frame: &'a [u8], slot: u16, form: NumberForm) -> Option<Cow<'a, [u8]>> {
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
    fn id(&self, frame: &[u8], slots: &[u16]) -> Result<Option<u64>, Fault> {
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
    fn time(&self, frame: &[u8], slot: u16, time: Option<&Time>) -> Result<i64, Fault> {
        let Some(time) = time else { return Ok(0) };
        let found = self.slots[slot as usize];
        if found.kind == Kind::Number && !self.protobuf {
            let (from, to) = (found.from as usize, found.to as usize);
            return parse_time_in(frame, from, to, unit_decimals(time.unit)).ok_or(Fault::Part);
        }
        cell_time(&self.slot_value(frame, slot), time)
    }

    // ------------------------------------------------------------------ compiling

    fn compile(&mut self, message: Message) -> Result<Plan, String> {
        let mut tests = Vec::new();
        for condition in message.when() {
            tests.push(Test { slot: self.slot(&condition.path)?, condition: condition.clone() });
        }
        let mut plan = Plan {
            symbol: if message.symbol().is_empty() { NO_SLOT } else { self.slot(message.symbol())? },
            message,
            tests,
            sides: [NO_SLOT; 2],
            last: Vec::new(),
            first: Vec::new(),
            previous: Vec::new(),
            full_when: NO_SLOT,
            values: [NO_SLOT; 4],
            rows: NO_SLOT,
            time: NO_SLOT,
        };
        match plan.message.clone() {
            Message::Depth(depth) => {
                plan.last = self.slots_of(&depth.last)?;
                plan.first = self.slots_of(&depth.first)?;
                plan.previous = self.slots_of(&depth.previous)?;
                plan.sides = [self.slot(&depth.bids)?, self.slot(&depth.asks)?];
                for slot in plan.sides {
                    self.repeat(slot);
                }
                if let Some(path) = &depth.full_when {
                    plan.full_when = self.slot(path)?;
                }
                plan.time = self.time_slot(depth.time.as_ref())?;
            }
            Message::Quote(quote) => {
                let paths = [&quote.bid_price, &quote.bid_quantity, &quote.ask_price, &quote.ask_quantity];
                for (value, path) in plan.values.iter_mut().zip(paths) {
                    *value = self.slot(path)?;
                }
                plan.last = self.slots_of(&quote.id)?;
                plan.time = self.time_slot(quote.time.as_ref())?;
            }
            Message::Trades(trades) if !trades.rows.is_empty() => {
                plan.rows = self.slot(&trades.rows)?;
                self.repeat(plan.rows);
            }
            Message::Trades(trades) => {
                let paths = [&trades.price_path, &trades.quantity_path, &trades.side, &trades.id];
                for (value, path) in plan.values.iter_mut().zip(paths) {
                    if !path.is_empty() {
                        *value = self.slot(path)?;
                    }
                }
                plan.time = self.time_slot(trades.time.as_ref())?;
            }
        }
        Ok(plan)
    }

    fn repeat(&mut self, slot: u16) {
        if self.protobuf && !self.repeated.iter().any(|(known, _)| *known == slot) {
            self.repeated.push((slot, Vec::new()));
        }
    }

    fn slots_of(&mut self, paths: &[String]) -> Result<Vec<u16>, String> {
        paths.iter().map(|path| self.slot(path)).collect()
    }

    fn time_slot(&mut self, time: Option<&Time>) -> Result<u16, String> {
        time.map_or(Ok(NO_SLOT), |time| self.slot(&time.path))
    }

    fn slot(&mut self, path: &str) -> Result<u16, String> {
        if let Some(&slot) = self.paths.get(path) {
            return Ok(slot);
        }
        let slot = self.slots.len() as u16;
        self.slots.push(Slot::default());
        self.numbers.push(0);
        self.paths.insert(path.to_owned(), slot);
        let keys: Vec<&str> = path.split('.').collect();
        let mut node = 0usize;
        for (depth, key) in keys.iter().enumerate() {
            let index = match self.nodes[node].child(key.as_bytes()) {
                Some(index) => index,
                None => self.add_child(node, key)?,
            };
            if depth + 1 == keys.len() {
                self.nodes[node].children[index].slot = slot;
            } else {
                node = match self.nodes[node].children[index].node {
                    Some(below) => below as usize,
                    None => {
                        self.nodes.push(Node::new());
                        let below = self.nodes.len() - 1;
                        self.nodes[node].children[index].node = Some(below as u16);
                        below
                    }
                };
            }
        }
        Ok(slot)
    }

    fn add_child(&mut self, node: usize, key: &str) -> Result<usize, String> {
        let node = &mut self.nodes[node];
        let index = node.children.len();
        if index >= 64 {
            return Err("more than 64 described keys in one object".into());
        }
        if let [byte @ 0..128] = *key.as_bytes() {
            node.single[byte as usize] = index as u8;
        }
        node.children.push(Child { key: key.as_bytes().into(), slot: NO_SLOT, node: None });
        Ok(index)
    }
}

/// Who a frame may belong to while it is walked.
enum Owner<'a> {
    Bound(&'a Bound),
    Known,
}

struct Walk<'a> {
    data: &'a [u8],
    nodes: &'a [Node],
    plans: &'a [Plan],
    slots: &'a mut [Slot],
    sides: &'a mut [Scratch; 2],
    owner: Owner<'a>,
    grids: &'a [Grids],
    levels_max: usize,
    known: Option<(usize, u32)>,
    tokens: &'a mut Vec<Token>,
    learning: bool,
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
    fn start_over(&mut self) {
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
    fn object(&mut self, at: usize, node: usize, depth: u32) -> Result<usize, FrameError> {
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
                let slot = self.slots[plan.symbol as usize];
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
fn holds(frame: &[u8], slot: &Slot, condition: &Condition) -> bool {
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

/// A value with its text, unescaped.
struct Cell<'a> {
    kind: Kind,
    text: Cow<'a, [u8]>,
}

impl<'a> Cell<'a> {
    fn of(value: Value<'a>) -> Cell<'a> {
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
        let (ticks, lots) = one_level(&self.price, &self.quantity, grids)?;
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
            Kind::Text | Kind::Number => String::from_utf8_lossy(&cell.text).into_owned(),
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

fn cell_time(cell: &Cell<'_>, time: &Time) -> Result<i64, Fault> {
    match cell.kind {
        Kind::Absent | Kind::Null => Ok(0),
        Kind::Text if cell.text.is_empty() => Ok(0),
        Kind::Text | Kind::Number => parse_time_ns(&cell.text, unit_decimals(time.unit)).ok_or(Fault::Part),
        _ => Err(Fault::Part),
    }
}

fn one_level(price: &[u8], quantity: &[u8], grids: &Grids) -> Result<Level, Fault> {
    use crate::number::NumberError::Invalid;
    match (grids.0.count(price), grids.1.count(quantity)) {
        (Ok(ticks), Ok(lots)) => Ok((ticks, lots)),
        (Err(Invalid), _) | (_, Err(Invalid)) => Err(Fault::Part),
        _ => Err(Fault::Off),
    }
}

fn unit_decimals(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::S => 9,
        TimeUnit::Ms => 6,
        TimeUnit::Us => 3,
        TimeUnit::Ns => 0,
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
