//! The description language (`oneprice.core.describe`), as it arrives in JSON.

use serde::Deserialize;

/// One test on a frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where to look.
    pub path: String,
    /// The text must be this.
    #[serde(default)]
    pub equals: Option<String>,
    /// The text must start so.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The text must end so.
    #[serde(default)]
    pub suffix: Option<String>,
    /// The path must be present, or absent.
    #[serde(default)]
    pub has: Option<bool>,
}

/// How a number stands in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberForm {
    /// In quotes.
    #[default]
    Quoted,
    /// Without.
    Bare,
    /// Either.
    Any,
}

/// What a level's container is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelKind {
    /// `[price, quantity, ...]`
    #[default]
    Array,
    /// `{price_key: .., quantity_key: ..}`, or a protobuf message.
    Object,
}

/// One price level.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LevelShape {
    /// Its container.
    pub kind: LevelKind,
    /// Key of the price.
    pub price_key: String,
    /// Key of the quantity.
    pub quantity_key: String,
    /// Form of the price.
    pub price: NumberForm,
    /// Form of the quantity.
    pub quantity: NumberForm,
}

/// Unit of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    #[default]
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

impl TimeUnit {
    /// Decimals of a nanosecond in this unit.
    pub fn decimals(self) -> u32 {
        match self {
            TimeUnit::S => 9,
            TimeUnit::Ms => 6,
            TimeUnit::Us => 3,
            TimeUnit::Ns => 0,
        }
    }
}

/// The venue's event time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// Where it is.
    pub path: String,
    /// Its unit.
    #[serde(default)]
    pub unit: TimeUnit,
}

/// A change of the book, or the whole book.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depth {
    /// Its name, for bindings.
    pub name: String,
    /// When a frame is one.
    pub when: Vec<Condition>,
    /// Where the symbol is.
    pub symbol: String,
    /// Last update number.
    pub last: Vec<String>,
    /// Bid levels.
    pub bids: String,
    /// Ask levels.
    pub asks: String,
    /// What a level looks like.
    #[serde(default)]
    pub level: LevelShape,
    /// First update number.
    #[serde(default)]
    pub first: Vec<String>,
    /// Number before the first.
    #[serde(default)]
    pub previous: Vec<String>,
    /// Always the whole book.
    #[serde(default)]
    pub full: bool,
    /// A boolean that says that it is the whole book.
    #[serde(default)]
    pub full_when: Option<String>,
    /// An absent side is unchanged.
    #[serde(default)]
    pub may_miss_side: bool,
    /// Levels a side beyond which the venue does not speak, 0 for no limit.
    #[serde(default)]
    pub levels_max: usize,
    /// Event time.
    #[serde(default)]
    pub time: Option<Time>,
}

/// Best bid and ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Its name, for bindings.
    pub name: String,
    /// When a frame is one.
    pub when: Vec<Condition>,
    /// Where the symbol is.
    pub symbol: String,
    /// Bid price.
    pub bid_price: String,
    /// Bid quantity.
    pub bid_quantity: String,
    /// Ask price.
    pub ask_price: String,
    /// Ask quantity.
    pub ask_quantity: String,
    /// Form of prices.
    #[serde(default)]
    pub price: NumberForm,
    /// Form of quantities.
    #[serde(default)]
    pub quantity: NumberForm,
    /// Its number.
    #[serde(default)]
    pub id: Vec<String>,
    /// The number is on the depth counter.
    #[serde(default)]
    pub linked: bool,
    /// The number is on the depth counter, but quotes are left out.
    #[serde(default)]
    pub sampled: bool,
    /// Event time.
    #[serde(default)]
    pub time: Option<Time>,
}

/// Public trades.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trades {
    /// Its name, for bindings.
    pub name: String,
    /// When a frame is one.
    pub when: Vec<Condition>,
    /// Where the symbol is.
    pub symbol: String,
    /// Price.
    pub price_path: String,
    /// Quantity.
    pub quantity_path: String,
    /// List of trades; empty when the frame is one trade.
    #[serde(default)]
    pub rows: String,
    /// Key of the symbol inside a row.
    #[serde(default)]
    pub row_symbol: String,
    /// Taker's side; empty when the sign of the quantity says it.
    #[serde(default)]
    pub side: String,
    /// Word for a buying taker.
    #[serde(default)]
    pub buy: String,
    /// Word for a selling taker.
    #[serde(default)]
    pub sell: String,
    /// Trade id.
    #[serde(default)]
    pub id: String,
    /// Form of the price.
    #[serde(default)]
    pub price: NumberForm,
    /// Form of the quantity.
    #[serde(default)]
    pub quantity: NumberForm,
    /// Event time.
    #[serde(default)]
    pub time: Option<Time>,
}

/// One kind of frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    /// Book.
    Depth(Depth),
    /// Best bid and ask.
    Quote(Quote),
    /// Trades.
    Trades(Trades),
}

impl Message {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Message::Depth(message) => &message.name,
            Message::Quote(message) => &message.name,
            Message::Trades(message) => &message.name,
        }
    }

    /// Where its symbol is.
    pub fn symbol(&self) -> &str {
        match self {
            Message::Depth(message) => &message.symbol,
            Message::Quote(message) => &message.symbol,
            Message::Trades(message) => &message.symbol,
        }
    }

    /// When a frame is one.
    pub fn when(&self) -> &[Condition] {
        match self {
            Message::Depth(message) => &message.when,
            Message::Quote(message) => &message.when,
            Message::Trades(message) => &message.when,
        }
    }
}

/// Format of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Protobuf, by field numbers.
    Protobuf,
}

fn stream_bytes() -> usize {
    4 << 20
}

fn snapshot_bytes() -> usize {
    16 << 20
}

/// All frames that one kind of connection carries, or a REST answer with a book.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Description {
    /// A connection.
    Stream {
        /// What its frames may be.
        messages: Vec<Message>,
        /// Their format.
        #[serde(default)]
        format: Format,
        /// Longest frame.
        #[serde(default = "stream_bytes")]
        frame_bytes_max: usize,
    },
    /// A REST answer.
    Snapshot {
        /// Sequence number.
        last: Vec<String>,
        /// Bid levels.
        bids: String,
        /// Ask levels.
        asks: String,
        /// What a level looks like.
        #[serde(default)]
        level: LevelShape,
        /// Event time.
        #[serde(default)]
        time: Option<Time>,
        /// Longest body.
        #[serde(default = "snapshot_bytes")]
        frame_bytes_max: usize,
    },
}
