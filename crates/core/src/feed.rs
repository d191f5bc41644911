//! One connection.

use crate::decode::{Bound, Decoder};
use std::collections::BTreeSet;

/// How to read its frames, whose they are, and whether it is alive.
#[derive(Debug)]
pub(crate) struct Feed {
    pub decoder: Decoder,
    pub bound: Bound,
    pub listings: BTreeSet<u32>,
    pub up: bool,
    pub silent: bool,
    pub heard_ns: i64,
}

impl Feed {
    pub fn heard(&mut self, now_ns: i64) {
        self.heard_ns = now_ns;
        self.silent = false;
    }

    pub fn carries(&self, listing: u32) -> bool {
        self.up && self.heard_ns >= 0 && self.listings.contains(&listing)
    }
}
