//! Exact numbers: decimal text to whole ticks and lots (`oneprice.core.numbers`).

/// Mantissas and counts stay below this.
pub const MANTISSA_MAX: u64 = 1_000_000_000_000_000_000;
const TEXT_LENGTH_MAX: usize = 64;

/// Powers of ten that fit.
pub const POW10: [u64; 19] = {
    let mut table = [1u64; 19];
    let mut index = 1;
    while index < 19 {
        table[index] = table[index - 1] * 10;
        index += 1;
    }
    table
};

/// Why a text is no count of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not a plain non-negative decimal, or too large, or 0 where that is none.
    Invalid,
    /// A valid number that is no multiple of the grid.
    OffGrid,
}

/// A tick or lot: `unit * 10^-decimals`.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Decimals.
    pub decimals: u32,
    /// Step in units of the last decimal.
    pub unit: u64,
    /// Whether 0 is a number here.
    pub zero: bool,
}

impl Grid {
    /// Whole steps in a decimal text.
    pub fn count(&self, text: &[u8]) -> Result<u64, NumberError> {
        let (mantissa, decimals) = parse_decimal(text).ok_or(NumberError::Invalid)?;
        if mantissa == 0 && !self.zero {
            return Err(NumberError::Invalid);
        }
        if decimals > self.decimals {
            return Err(NumberError::OffGrid);
        }
        let shift = (self.decimals - decimals) as usize;
        let scaled = u128::from(mantissa) * u128::from(*POW10.get(shift).ok_or(NumberError::Invalid)?);
        if scaled >= u128::from(MANTISSA_MAX) {
            return Err(NumberError::Invalid);
        }
        let scaled = scaled as u64;
        if self.unit == 1 {
            return Ok(scaled);
        }
        if scaled % self.unit != 0 { Err(NumberError::OffGrid) } else { Ok(scaled / self.unit) }
    }
}

/// `(mantissa, decimals)` of a decimal text, trailing zeros of the fraction removed.
pub fn parse_decimal(text: &[u8]) -> Option<(u64, u32)> {
    if text.len() > TEXT_LENGTH_MAX {
        return None;
    }
    let mut digits = [0u8; TEXT_LENGTH_MAX];
    let mut count = 0usize;
    let mut at = 0usize;
    while let Some(digit) = digit_at(text, at) {
        digits[count] = digit;
        count += 1;
        at += 1;
    }
    if count == 0 {
        return None;
    }
    let mut fraction = 0i64;
    if text.get(at) == Some(&b'.') {
        at += 1;
        while let Some(digit) = digit_at(text, at) {
            digits[count] = digit;
            count += 1;
            fraction += 1;
            at += 1;
        }
        if fraction == 0 {
            return None;
        }
    }
    let exponent = parse_exponent(&text[at..])?;
    assemble(&digits[..count], fraction - exponent)
}

fn digit_at(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    if text[0] | 0x20 != b'e' {
        return None;
    }
    let (negative, digits) = match text.get(1) {
        Some(b'-') => (true, &text[2..]),
        Some(b'+') => (false, &text[2..]),
        _ => (false, &text[1..]),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    Some(if negative { -value } else { value })
}

/// Value of `digits * 10^-decimals`, normalised. None when it needs more than 18 digits.
fn assemble(digits: &[u8], decimals: i64) -> Option<(u64, u32)> {
    let start = digits.iter().position(|&digit| digit != 0);
    let Some(start) = start else { return Some((0, 0)) };
    let end = digits.iter().rposition(|&digit| digit != 0).map_or(0, |last| last + 1);
    let zeros = i64::try_from(digits.len() - end).ok()?;
    let stripped = zeros.min(decimals.max(0));
    let decimals_left = (decimals - stripped).max(0);
    let appended = zeros - stripped + (-decimals).max(0);
    let significant = i64::try_from(end - start).ok()?;
    if significant + appended > 18 {
        return None;
    }
    let mantissa = digits[start..end].iter().fold(0u64, |value, &digit| value * 10 + u64::from(digit));
    Some((mantissa * POW10[appended as usize], decimals_left as u32))
}

/// A sequence number: decimal digits, below 2^63.
pub fn parse_id(text: &[u8]) -> Option<u64> {
    parse_id_in(text, 0, text.len())
}

/// The sequence number that stands at `from..to`.
#[inline(always)]
pub(crate) fn parse_id_in(data: &[u8], from: usize, to: usize) -> Option<u64> {
    if from == to || to - from > 19 {
        return None;
    }
    let (mut value, mut at) = (0u64, from);
    while at < to {
        let (values, digits) = digit_run(load8(data, at));
        let digits = (digits as usize).min(to - at);
        if digits == 0 || digits < 8 && at + digits < to {
            return None;
        }
        value = value.wrapping_mul(POW10[digits]).wrapping_add(digits_value(values, digits as u32));
        at += digits;
    }
    (value < 1 << 63).then_some(value)
}

/// A time with optional fraction as whole nanoseconds; `unit_decimals` is 9 for seconds, 6 for milliseconds and so on.
pub fn parse_time_ns(text: &[u8], unit_decimals: u32) -> Option<i64> {
    parse_time_in(text, 0, text.len(), unit_decimals)
}

/// The time that stands at `from..to`.
#[inline(always)]
pub(crate) fn parse_time_in(data: &[u8], from: usize, to: usize, unit_decimals: u32) -> Option<i64> {
    if let Some(plain) = parse_id_in(data, from, to) {
        let value = u128::from(plain) * u128::from(POW10[unit_decimals as usize]);
        return (value < 1 << 63).then_some(value as i64);
    }
    let (mantissa, decimals) = parse_decimal(&data[from..to])?;
    let value = if decimals <= unit_decimals {
        u128::from(mantissa) * u128::from(POW10[(unit_decimals - decimals) as usize])
    } else {
        let cut = (decimals - unit_decimals) as usize;
        POW10.get(cut).map_or(0, |divisor| u128::from(mantissa / divisor))
    };
    (value < 1 << 63).then_some(value as i64)
}

/// The first bytes of a decimal, eight at a time.
#[inline(always)]
pub(crate) fn load8(data: &[u8], at: usize) -> u64 {
    match data.get(at..at + 8) {
        Some(bytes) => {
            u64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]])
        }
        None => {
            let mut padded = [0u8; 8];
            let rest = data.get(at..).unwrap_or(&[]);
            padded[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(padded)
        }
    }
}

/// Digit values (each byte xor `'0'`) and how many of the first bytes are digits.
#[inline(always)]
pub(crate) fn digit_run(word: u64) -> (u64, u32) {
    let values = word ^ 0x3030_3030_3030_3030;
    let others = (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080;
    (values, others.trailing_zeros() >> 3)
}

/// Value of the first `count` (1 to 8) digit bytes.
#[inline(always)]
fn digits_value(values: u64, count: u32) -> u64 {
    let aligned = values << (64 - 8 * count);
    let pairs = aligned.wrapping_mul(10).wrapping_add(aligned >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff
}

/// Reads a decimal at `at` that ends in `end` and is of the common form: at most eight digits before the point and
/// eight behind. Gives its count of steps and where `end` stands; None where the slow way has to decide.
#[inline(always)]
pub(crate) fn count_fast(data: &[u8], at: usize, end: u8, grid: &Grid) -> Option<(u64, usize)> {
    let (values, whole_digits) = digit_run(load8(data, at));
    if whole_digits == 0 || grid.decimals > 8 {
        return None;
    }
    let whole = digits_value(values, whole_digits);
    let mut at = at + whole_digits as usize;
    let mut scaled = whole * POW10[grid.decimals as usize];
    let stop = *data.get(at)?;
    if stop == b'.' {
        at += 1;
        let (values, digits) = digit_run(load8(data, at));
        if digits == 0 {
            return None;
        }
        let kept = digits.min(grid.decimals);
        if digits > kept {
            let rest = (values << (64 - 8 * digits)) >> (64 - 8 * (digits - kept));
            if rest != 0 {
                return None;
            }
        }
        if kept > 0 {
            scaled += digits_value(values, kept) * POW10[(grid.decimals - kept) as usize];
        }
        at += digits as usize;
        if *data.get(at)? != end {
            return None;
        }
    } else if stop != end {
        return None;
    }
    if scaled == 0 && !grid.zero {
        return None;
    }
    if grid.unit == 1 {
        return Some((scaled, at));
    }
    let count = scaled / grid.unit;
    (count * grid.unit == scaled).then_some((count, at))
}
