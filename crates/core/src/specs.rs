//! What the hub is told, as JSON (`oneprice.core.specs`).

use serde::Deserialize;

/// Parts per billion in one.
pub const PPB: u128 = 1_000_000_000;

fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

/// What the top of a listing is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Whichever of book and quote is newer.
    #[default]
    Newer,
    /// The book.
    Depth,
    /// The quote.
    Quote,
}

/// One listing: grids as integers, everything else exact or a code. See the Python class of the same name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListingSpec {
    /// Its name.
    pub key: String,
    /// Decimals of the price grid.
    pub price_decimals: u32,
    /// The tick is this times `10^-price_decimals`.
    pub price_unit: u64,
    /// Decimals of the quantity grid.
    pub quantity_decimals: u32,
    /// The lot is this times `10^-quantity_decimals`.
    pub quantity_unit: u64,
    /// Base coins in one lot, times 1e18.
    pub lot_base_atto: u128,
    /// Quote units of one tick times one lot, times 1e18.
    pub value_unit_atto: u128,
    /// Quote per base that one tick stands for. For ranking only.
    pub price_factor: f64,
    /// An order's price is a multiple of this many ticks.
    #[serde(default = "one")]
    pub order_ticks: u64,
    /// An order's quantity is a multiple of this many lots.
    #[serde(default = "one")]
    pub order_lots: u64,
    /// Minimum quantity in lots.
    #[serde(default = "one")]
    pub min_lots: u64,
    /// Minimum notional in ticks times lots.
    #[serde(default)]
    pub min_value: u128,
    /// Our own cap per order in ticks times lots, 0 for none.
    #[serde(default)]
    pub max_value: u128,
    /// Taker fee in parts per billion.
    #[serde(default)]
    pub fee_ppb: u64,
    /// Listings of one group are the same thing to own; empty is never paired.
    #[serde(default)]
    pub group: String,
    /// Whether it has a depth stream.
    #[serde(default = "yes")]
    pub depth: bool,
    /// What the top is taken from.
    #[serde(default)]
    pub source: Source,
    /// Staleness limit, 0 for the hub's.
    #[serde(default)]
    pub stale_after_ns: i64,
}

/// Limits of a hub. Times in nanoseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HubConfig {
    /// A connection without frames for longer is silent.
    pub silent_after_ns: i64,
    /// A listing without updates for longer is stale.
    pub stale_after_ns: i64,
    /// A book crossed for longer is lost.
    pub crossed_after_ns: i64,
    /// The edge that an opportunity must keep after fees.
    pub min_net_bps: f64,
    /// Changes held while waiting for a snapshot.
    pub buffered_max: usize,
    /// Levels a side, or trades, in one frame.
    pub levels_per_frame_max: usize,
    /// Contradictions of book and quotes in a row that lose the book.
    pub disagreements_max: u32,
    /// Events kept until they are fetched.
    pub events_max: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        HubConfig {
            silent_after_ns: 2_000_000_000,
            stale_after_ns: 10_000_000_000,
            crossed_after_ns: 1_000_000_000,
            min_net_bps: 0.0,
            buffered_max: 4_096,
            levels_per_frame_max: 20_000,
            disagreements_max: 3,
            events_max: 65_536,
        }
    }
}
