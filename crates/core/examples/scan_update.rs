//! What does a change of one listing's top cost, scan included? Run and read by `bench/scan_update.py`.
//!
//! Usage: `scan_update MODE VENUES SYMBOLS BATCHES`. Every venue lists every symbol against USDT. A batch is 2,000
//! changes, each of a listing drawn at random, so that large markets are not in the caches. Prints one JSON object:
//! nanoseconds a change in the best and in the median batch, and how many changes had something to tell.
//!
//! Modes: `pairs`; `one_group` (all changes in the first symbol: what is left is cache misses); `cycles` (each symbol
//! also against BTC, two triangles each; any listing but BTC/USDT); `hub_of_cycles` (BTC/USDT alone, which is part of
//! all triangles of its venue); `standing` (as `pairs`, while an opportunity stands in every group); `rescan_group`
//! and `rescan_all` (no increments: all pairs of the group, or of all groups, after each change).

use oneprice_core::listing::{Listing, Top};
use oneprice_core::scan::{Happened, Scan};
use oneprice_core::sizing::{BUY, SELL};
use oneprice_core::specs::{HubConfig, ListingSpec};
use oneprice_core::states::BookState;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

const BATCH: u32 = 2_000;
const BID: u64 = 1_000_000;
const LEVELS: u64 = 50;

struct World {
    listings: Vec<Listing>,
    scan: Scan,
    tops: Vec<Top>,
    groups: Vec<Vec<u32>>,
    touched: Vec<u32>,
    chance: u64,
    happened: Vec<Happened>,
    told: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u32> = arguments.iter().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (Some(mode), &[venues, symbols, batches]) = (arguments.first(), numbers.as_slice()) else {
        eprintln!("usage: scan_update MODE VENUES SYMBOLS BATCHES");
        return ExitCode::from(2);
    };
    let mut world = World::new(mode, venues, symbols);
    let mut taken: Vec<f64> = (0..batches).map(|_| world.batch(mode)).collect();
    taken.sort_by(f64::total_cmp);
    let (best, median) = (taken[0], taken[taken.len() / 2]);
    let (listings, told) = (world.listings.len(), world.told);
    println!("{{\"best_ns\": {best:.1}, \"median_ns\": {median:.1}, \"listings\": {listings}, \"told\": {told}}}");
    ExitCode::SUCCESS
}

impl World {
    fn new(mode: &str, venues: u32, symbols: u32) -> World {
        let mut world = World {
            listings: Vec::new(),
            scan: Scan::new(0.0),
            tops: Vec::new(),
            groups: vec![Vec::new(); symbols as usize],
            touched: Vec::new(),
            chance: 0x9e37_79b9_7f4a_7c15,
            happened: Vec::new(),
            told: 0,
        };
        for venue in 0..venues {
            let first = world.listings.len() as u32;
            for symbol in 0..symbols {
                let number = world.list(&format!("S{symbol}/USDT"), 1.0, mode == "standing" && venue == 0);
                world.groups[symbol as usize].push(number);
                if mode != "hub_of_cycles" && !(mode == "cycles" && symbol == 0) && (mode != "one_group" || symbol == 0)
                {
                    world.touched.push(number);
                }
            }
            if mode == "hub_of_cycles" {
                world.touched.push(first);
            }
            if mode == "cycles" || mode == "hub_of_cycles" {
                world.triangles(mode, first, symbols);
            }
        }
        world
    }

    /// A listing that is live. `dear`: its bid is far above everybody's ask.
    fn list(&mut self, group: &str, price_factor: f64, dear: bool) -> u32 {
        let text = format!(
            "{{\"key\":\"\",\"price_decimals\":2,\"price_unit\":1,\"quantity_decimals\":3,\"quantity_unit\":1,\
             \"lot_base_atto\":1000000000000000,\"value_unit_atto\":10000000000000,\"price_factor\":{price_factor:?},\
             \"fee_ppb\":1000000,\"group\":\"{group}\"}}"
        );
        let spec: ListingSpec = serde_json::from_str(&text).expect("a spec as the hub takes it");
        let mut listing = Listing::new(spec, &HubConfig::default());
        let bid = if dear { BID + BID / 100 } else { BID };
        if dear {
            for level in 0..LEVELS {
                listing.bids.set(bid - 10 * level, 1_000);
                listing.asks.set(bid + 1 + 10 * level, 1_000);
            }
        }
        listing.base = BookState::Live;
        (listing.top.bid, listing.top.ask) = ((bid, 1_000), (bid + 1, 1_000));
        self.scan.add(&listing);
        self.listings.push(listing);
        let number = self.listings.len() as u32 - 1;
        let top = self.listings[number as usize].top;
        self.scan.changed(number, true, &top, &self.listings, 0, &mut self.happened);
        self.happened.clear();
        self.tops.push(top);
        number
    }

    /// Every symbol of the venue but the first one, BTC, against BTC as well, with its two triangles.
    fn triangles(&mut self, mode: &str, bitcoin: u32, symbols: u32) {
        for symbol in 1..symbols {
            let cross = self.list(&format!("S{symbol}/BTC"), 1e-6, false);
            let dollars = bitcoin + symbol;
            self.scan.add_cycle(&[(dollars, BUY), (cross, SELL), (bitcoin, SELL)]);
            self.scan.add_cycle(&[(bitcoin, BUY), (cross, BUY), (dollars, SELL)]);
            if mode == "cycles" {
                self.touched.push(cross);
            }
        }
    }

    /// Nanoseconds a change.
    fn batch(&mut self, mode: &str) -> f64 {
        let began = Instant::now();
        for _ in 0..BATCH {
            self.change(mode);
        }
        began.elapsed().as_nanos() as f64 / f64::from(BATCH)
    }

    #[inline]
    fn change(&mut self, mode: &str) {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        let place = ((self.chance >> 32) * self.touched.len() as u64) >> 32;
        let number = self.touched[place as usize];
        let top = &mut self.tops[number as usize];
        top.bid.0 ^= self.chance & 1;
        top.ask.0 = top.bid.0 + 1;
        let top = *top;
        if mode != "pairs" && mode != "one_group" {
            self.listings[number as usize].top = top; // sizing and the naive loops read it there
        }
        match mode {
            "rescan_group" => {
                let group = number as usize % self.groups.len();
                self.told += u64::from(rescan(&self.listings, &self.groups[group..=group]));
            }
            "rescan_all" => self.told += u64::from(rescan(&self.listings, &self.groups)),
            _ => {
                self.scan.changed(number, true, &top, &self.listings, 1, &mut self.happened);
                self.told += self.happened.len() as u64;
                self.happened.clear();
            }
        }
    }
}

/// The double loop over all listings of each group, as bots do it. How many pairs cross.
#[inline(never)]
fn rescan(listings: &[Listing], groups: &[Vec<u32>]) -> u32 {
    let mut crossed = 0;
    for group in groups {
        for &buy in group {
            for &sell in group {
                let (bought, sold) = (&listings[buy as usize], &listings[sell as usize]);
                if buy != sell && bought.state() == BookState::Live && sold.state() == BookState::Live {
                    let paid = bought.top.ask.0 as f64 * bought.spec.price_factor * 1.001;
                    let got = sold.top.bid.0 as f64 * sold.spec.price_factor * 0.999;
                    crossed += u32::from(got > paid);
                }
            }
        }
    }
    black_box(crossed)
}
