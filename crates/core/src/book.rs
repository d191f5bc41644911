//! One side of a book: a hash of all levels, and a window of bits around the top that keeps them in order.
//!
//! Quantities live in an open-addressing table, exact at every depth. Order matters only near the top: one bit a tick in
//! a window of 2^16 ticks finds the next best level in a few instructions. Levels outside the window are in the table
//! alone; the window moves when the top leaves it.

use std::cmp::Ordering;

/// A price level: ticks and lots.
pub type Level = (u64, u64);

const WINDOW_BITS: usize = 16;
const WINDOW: u64 = 1 << WINDOW_BITS;
const WORDS: usize = 1 << (WINDOW_BITS - 6);
const GROUPS: usize = WORDS / 64;
/// Ticks of the window that are kept free on the better side of the top when it is laid anew.
const MARGIN: u64 = WINDOW / 4;
const SLOTS_MIN: usize = 64;

/// Levels of one side. Ticks are never 0.
#[derive(Clone, Debug)]
pub struct Side {
    bids: bool,
    table: Vec<Level>,
    shift: u32,
    count: usize,
    /// First tick of the window; the window covers `origin..origin + WINDOW`.
    origin: u64,
    words: Box<[u64]>,
    groups: [u64; GROUPS],
    best: u64,
}

impl Side {
    /// An empty side.
    pub fn new(bids: bool) -> Side {
        Side {
            bids,
            table: vec![(0, 0); SLOTS_MIN],
            shift: 64 - SLOTS_MIN.trailing_zeros(),
            count: 0,
            origin: 0,
            words: Box::default(),
            groups: [0; GROUPS],
            best: 0,
        }
    }

    /// Number of levels.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no levels.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Best level.
    #[inline]
    pub fn top(&self) -> Option<Level> {
        if self.best == 0 {
            return None;
        }
        Some((self.best, self.lots(self.best)))
    }

    /// Forgets all levels.
    pub fn clear(&mut self) {
        self.table.clear();
        self.table.resize(SLOTS_MIN, (0, 0));
        self.shift = 64 - SLOTS_MIN.trailing_zeros();
        self.count = 0;
        self.clear_window();
        self.best = 0;
    }

    /// Sets a level to an absolute quantity; 0 removes it, and removing what is not there is normal.
    #[inline]
    pub fn set(&mut self, ticks: u64, lots: u64) {
        let mask = self.table.len() - 1;
        let mut slot = self.home(ticks);
        loop {
            let (key, _) = self.table[slot];
            if key == ticks {
                if lots == 0 {
                    self.remove(slot, ticks);
                } else {
                    self.table[slot].1 = lots;
                }
                return;
            }
            if key == 0 {
                if lots != 0 {
                    self.insert(slot, ticks, lots);
                }
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The best `count` levels, best first.
    pub fn ladder(&self, count: usize) -> Vec<Level> {
        let mut found = Vec::with_capacity(count.min(self.count));
        let mut next = self.best;
        while next != 0 && found.len() < count {
            found.push((next, self.lots(next)));
            next = self.behind(next);
        }
        if found.len() < count && found.len() < self.count {
            let mut rest: Vec<Level> =
                self.table.iter().filter(|(ticks, _)| *ticks != 0 && !self.in_window(*ticks)).copied().collect();
            rest.sort_unstable_by(|left, right| self.order(left.0, right.0));
            found.extend(rest.into_iter().take(count - found.len()));
        }
        found
    }

    /// Keeps only the best `levels_max` levels.
    pub fn prune(&mut self, levels_max: usize) {
        while self.count > levels_max {
            let worst = self.table.iter().map(|level| level.0).filter(|ticks| *ticks != 0);
            let worst = if self.bids { worst.min() } else { worst.max() };
            self.set(worst.unwrap_or(0), 0);
        }
    }

    #[inline(always)]
    fn home(&self, ticks: u64) -> usize {
        (ticks.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    #[inline(always)]
    fn better(&self, left: u64, right: u64) -> bool {
        if self.bids { left > right } else { left < right }
    }

    fn order(&self, left: u64, right: u64) -> Ordering {
        if self.bids { right.cmp(&left) } else { left.cmp(&right) }
    }

    #[inline(always)]
    fn in_window(&self, ticks: u64) -> bool {
        ticks.wrapping_sub(self.origin) < WINDOW
    }

    fn lots(&self, ticks: u64) -> u64 {
        let mask = self.table.len() - 1;
        let mut slot = self.home(ticks);
        loop {
            let (key, lots) = self.table[slot];
            if key == ticks {
                return lots;
            }
            if key == 0 {
                return 0;
            }
            slot = (slot + 1) & mask;
        }
    }

    #[inline]
    fn insert(&mut self, slot: usize, ticks: u64, lots: u64) {
        self.table[slot] = (ticks, lots);
        self.count += 1;
        if self.count * 2 > self.table.len() {
            self.grow();
        }
        if self.best == 0 || self.better(ticks, self.best) {
            if !self.in_window(ticks) || self.best == 0 {
                self.lay_window(ticks);
                return;
            }
            self.best = ticks;
        }
        if self.in_window(ticks) {
            self.mark(ticks - self.origin);
        }
    }

    #[inline]
    fn remove(&mut self, slot: usize, ticks: u64) {
        self.count -= 1;
        self.close_gap(slot);
        if self.in_window(ticks) {
            let offset = ticks - self.origin;
            let word = (offset >> 6) as usize;
            self.words[word] &= !(1 << (offset & 63));
            if self.words[word] == 0 {
                self.groups[word >> 6] &= !(1 << (word & 63));
            }
        }
        if ticks == self.best {
            self.best = self.behind(ticks);
            if self.best == 0 && self.count > 0 {
                let keys = self.table.iter().map(|level| level.0).filter(|ticks| *ticks != 0);
                let best = if self.bids { keys.max() } else { keys.min() };
                self.lay_window(best.unwrap_or(0));
            }
        }
    }

    /// Moves displaced entries back over the slot that became free (linear probing without tombstones).
    fn close_gap(&mut self, mut hole: usize) {
        let mask = self.table.len() - 1;
        let mut slot = hole;
        loop {
            slot = (slot + 1) & mask;
            let (key, lots) = self.table[slot];
            if key == 0 {
                break;
            }
            let distance = slot.wrapping_sub(self.home(key)) & mask;
            if distance >= slot.wrapping_sub(hole) & mask {
                self.table[hole] = (key, lots);
                hole = slot;
            }
        }
        self.table[hole] = (0, 0);
    }

    #[cold]
    fn grow(&mut self) {
        let larger = vec![(0, 0); self.table.len() * 2];
        let old = std::mem::replace(&mut self.table, larger);
        self.shift -= 1;
        let mask = self.table.len() - 1;
        for (ticks, lots) in old {
            if ticks != 0 {
                let mut slot = self.home(ticks);
                while self.table[slot].0 != 0 {
                    slot = (slot + 1) & mask;
                }
                self.table[slot] = (ticks, lots);
            }
        }
    }

    #[inline(always)]
    fn mark(&mut self, offset: u64) {
        let word = (offset >> 6) as usize;
        self.words[word] |= 1 << (offset & 63);
        self.groups[word >> 6] |= 1 << (word & 63);
    }

    fn clear_window(&mut self) {
        self.words.fill(0); // empty until the first level: a listing without a book costs no window
        self.groups = [0; GROUPS];
    }

    /// Lays the window anew around `best`, which must be the best level.
    #[cold]
    fn lay_window(&mut self, best: u64) {
        if self.words.is_empty() {
            self.words = vec![0; WORDS].into_boxed_slice();
        }
        self.clear_window();
        self.best = best;
        self.origin = if self.bids { (best + MARGIN).saturating_sub(WINDOW - 1) } else { best.saturating_sub(MARGIN) };
        let inside: Vec<u64> =
            self.table.iter().map(|level| level.0).filter(|ticks| *ticks != 0 && self.in_window(*ticks)).collect();
        for ticks in inside {
            self.mark(ticks - self.origin);
        }
    }

    /// The next level behind `ticks` that is in the window; 0 when there is none.
    fn behind(&self, ticks: u64) -> u64 {
        let offset = ticks.wrapping_sub(self.origin);
        if offset >= WINDOW {
            return 0;
        }
        let found = if self.bids { self.below(offset) } else { self.above(offset) };
        found.map_or(0, |offset| self.origin + offset)
    }

    fn below(&self, offset: u64) -> Option<u64> {
        let word = (offset >> 6) as usize;
        let inside = self.words[word] & ((1 << (offset & 63)) - 1);
        if inside != 0 {
            return Some((word as u64) << 6 | u64::from(63 - inside.leading_zeros()));
        }
        let mut group = word >> 6;
        let mut words = self.groups[group] & ((1 << (word & 63)) - 1);
        while words == 0 {
            group = group.checked_sub(1)?;
            words = self.groups[group];
        }
        let word = group << 6 | (63 - words.leading_zeros()) as usize;
        Some((word as u64) << 6 | u64::from(63 - self.words[word].leading_zeros()))
    }

    fn above(&self, offset: u64) -> Option<u64> {
        let word = (offset >> 6) as usize;
        let inside = self.words[word] & (u64::MAX << 1 << (offset & 63));
        if inside != 0 {
            return Some((word as u64) << 6 | u64::from(inside.trailing_zeros()));
        }
        let mut group = word >> 6;
        let mut words = self.groups[group] & (u64::MAX << 1 << (word & 63));
        while words == 0 {
            group += 1;
            words = *self.groups.get(group)?;
        }
        let word = group << 6 | words.trailing_zeros() as usize;
        Some((word as u64) << 6 | u64::from(self.words[word].trailing_zeros()))
    }
}
