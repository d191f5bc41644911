//! Whose a message with a symbol is.

use crate::number::load8;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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
    pub(crate) fn find(&self, message: usize, symbol: &[u8]) -> Option<u32> {
        self.by_message[message].get(symbol).copied()
    }
}
