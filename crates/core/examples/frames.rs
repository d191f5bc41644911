//! Feeds recorded frames to a hub, for profilers: `frames STREAM.json SNAPSHOT.json LISTING.json FRAMES ROUNDS`.
//!
//! `FRAMES` holds u32 lengths and frames; the symbol is the first bound one, given as `SYMBOL` in the environment.

use oneprice_core::hub::Hub;
use std::time::Instant;

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, stream, snapshot, listing, frames, rounds] = &arguments[..] else {
        return Err("usage: frames STREAM.json SNAPSHOT LISTING.json FRAMES ROUNDS".into());
    };
    let load = |path: &str| std::fs::read(path).map_err(|error| format!("{path}: {error}"));
    let symbol = std::env::var("SYMBOL").map_err(|error| error.to_string())?;
    let data = load(frames)?;
    let mut list = Vec::new();
    let mut at = 0;
    while let Some(length) = data.get(at..at + 4) {
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        list.push(&data[at + 4..at + 4 + length]);
        at += 4 + length;
    }
    let description = br#"{"type":"snapshot","last":["lastUpdateId"],"bids":"bids","asks":"asks"}"#;
    for _ in 0..rounds.parse::<u32>().map_err(|error| error.to_string())? {
        let mut hub = Hub::new(b"{\"disagreements_max\": 1000000000}")?;
        let number = hub.add_listing(&load(listing)?)?;
        let feed = hub.add_stream(&load(stream)?)?;
        let book = hub.add_snapshot(description)?;
        for message in ["depth", "quote"] {
            hub.bind(feed, message, &symbol, number)?;
        }
        hub.on_snapshot(number, book, &load(snapshot)?, 1);
        let start = Instant::now();
        let mut flags = 0;
        for frame in &list {
            flags |= hub.on_frame(feed, frame, 2);
        }
        let taken = start.elapsed().as_nanos() as f64 / list.len() as f64;
        println!("{taken:.1} ns a frame, flags {flags}, top {:?}", hub.listing(number).top);
    }
    Ok(())
}
