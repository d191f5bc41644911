//! The compiled description: a tree of described keys, and for every message the slots of its parts.

use super::{Decoder, NO_SLOT};
use crate::describe::{Condition, Message, Time};
use crate::json::Kind;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) kind: Kind,
}

pub(super) const NO_CHILD: u8 = u8::MAX;

#[derive(Debug)]
pub(super) struct Child {
    pub(super) key: Box<[u8]>,
    pub(super) slot: u16,
    pub(super) node: Option<u16>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) children: Vec<Child>,
    pub(super) single: Box<[u8; 128]>,
}

impl Node {
    pub(super) fn new() -> Node {
        Node { children: Vec::new(), single: Box::new([NO_CHILD; 128]) }
    }

    pub(super) fn child(&self, key: &[u8]) -> Option<usize> {
        self.children.iter().position(|child| *child.key == *key)
    }
}

#[derive(Debug)]
pub(super) struct Test {
    pub(super) slot: u16,
    pub(super) condition: Condition,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) message: Message,
    pub(super) tests: Vec<Test>,
    pub(super) symbol: u16,
    /// Slots of bids and asks, for depth.
    pub(super) sides: [u16; 2],
    pub(super) last: Vec<u16>,
    pub(super) first: Vec<u16>,
    pub(super) previous: Vec<u16>,
    pub(super) full_when: u16,
    /// Bid price, bid quantity, ask price, ask quantity; or price, quantity, side, id of a single trade.
    pub(super) values: [u16; 4],
    pub(super) rows: u16,
    pub(super) time: u16,
}

impl Decoder {
    pub(super) fn compile(&mut self, message: Message) -> Result<Plan, String> {
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
