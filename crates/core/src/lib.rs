//! The hot path: described frames to certified books to opportunities. And the bytes of a journal.
//!
//! A function of what is given to it: no clock, no I/O, no threads, no randomness, no binary floats for money. The
//! Python package `oneprice.core` is its specification; both give the same results for the same calls.

pub mod book;
mod cycles;
pub mod decode;
pub mod describe;
pub mod event;
pub mod fault;
mod feed;
pub mod hub;
pub mod journal;
mod json;
mod levels;
pub mod listing;
pub mod number;
mod proto;
pub mod scan;
pub mod sizing;
pub mod specs;
pub mod states;
mod template;
