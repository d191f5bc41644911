//! Strict JSON, walked once: whatever is not described is checked and skipped.

use crate::number::{digit_run, load8};

/// Containers may nest this deep.
pub(crate) const NESTING_MAX: u32 = 32;

/// The frame as a whole cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError;

/// What kind of value a place holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not in the frame.
    #[default]
    Absent,
    Null,
    True,
    False,
    Number,
    /// Text between the quotes, free of escapes.
    Text,
    /// Text between the quotes with escapes in it.
    Escaped,
    List,
    Object,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// High bit of each byte of `word` that is zero (exact for the lowest such byte).
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Position after white space.
#[inline(always)]
pub(crate) fn space(data: &[u8], at: usize) -> usize {
    if data.get(at).is_some_and(|byte| *byte <= b' ') { spaces_end(data, at) } else { at }
}

#[cold]
fn spaces_end(data: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = data.get(at) {
        at += 1;
    }
    at
}

/// The end of a string whose first byte inside the quotes is `at`: position of the closing quote, and whether there
/// are escapes.
#[inline(always)]
pub(crate) fn string_end(data: &[u8], mut at: usize) -> Result<(usize, bool), FrameError> {
    loop {
        let word = load8(data, at);
        let quotes = zero_bytes(word ^ (ONES * 0x22));
        let slashes = zero_bytes(word ^ (ONES * 0x5c));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let stops = quotes | slashes | controls | word & HIGHS;
        if stops == 0 {
            at += 8;
            if at >= data.len() {
                return Err(FrameError);
            }
            continue;
        }
        at += (stops.trailing_zeros() >> 3) as usize;
        return match data.get(at) {
            Some(b'"') => Ok((at, false)),
            Some(b'\\' | 0x80..) => unusual_end(data, at),
            _ => Err(FrameError),
        };
    }
}

/// The end of a string without escapes or letters beyond ASCII; None for any other.
#[inline(always)]
pub(crate) fn plain_end(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let word = load8(data, at);
        let quotes = zero_bytes(word ^ (ONES * 0x22));
        let slashes = zero_bytes(word ^ (ONES * 0x5c));
        let controls = word.wrapping_sub(ONES * 0x20) | word;
        let stops = (quotes | slashes | controls) & HIGHS;
        if stops != 0 {
            at += (stops.trailing_zeros() >> 3) as usize;
            return (data.get(at) == Some(&b'"')).then_some(at);
        }
        at += 8;
        if at >= data.len() {
            return None;
        }
    }
}

/// The end of a string with escapes or letters beyond ASCII, of which `at` is the first.
#[cold]
fn unusual_end(data: &[u8], at: usize) -> Result<(usize, bool), FrameError> {
    let end = escaped_end(data, at)?;
    let rest = &data[at..end];
    if std::str::from_utf8(rest).is_err() {
        return Err(FrameError);
    }
    Ok((end, rest.contains(&b'\\')))
}

fn escaped_end(data: &[u8], mut at: usize) -> Result<usize, FrameError> {
    loop {
        match data.get(at).ok_or(FrameError)? {
            b'"' => return Ok(at),
            b'\\' => match data.get(at + 1).ok_or(FrameError)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' => {
                    let hex = data.get(at + 2..at + 6).ok_or(FrameError)?;
                    if !hex.iter().all(u8::is_ascii_hexdigit) {
                        return Err(FrameError);
                    }
                    at += 6;
                }
                _ => return Err(FrameError),
            },
            0..0x20 => return Err(FrameError),
            _ => at += 1,
        }
    }
}

/// The text of a string with escapes. A surrogate that stands alone becomes bytes that are no UTF-8.
pub(crate) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'\\' {
            text.push(raw[at]);
            at += 1;
            continue;
        }
        let letter = raw[at + 1];
        at += 2;
        match letter {
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let mut code = hex4(&raw[at..]);
                at += 4;
                let low_follows = (0xd800..0xdc00).contains(&code) && raw[at..].starts_with(b"\\u");
                if low_follows {
                    let low = hex4(&raw[at + 2..]);
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                        at += 6;
                    }
                }
                match char::from_u32(code) {
                    Some(letter) => {
                        let mut buffer = [0u8; 4];
                        text.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
                    }
                    None => text.push(0xff),
                }
            }
            plain => text.push(plain),
        }
    }
    text
}

fn hex4(raw: &[u8]) -> u32 {
    raw[..4].iter().fold(0, |code, byte| code * 16 + (*byte as char).to_digit(16).unwrap_or(0))
}

/// The end of a number that starts at `at`.
#[inline(always)]
pub(crate) fn number_end(data: &[u8], at: usize) -> Result<usize, FrameError> {
    if matches!(data.get(at), Some(b'1'..=b'9')) {
        let end = digits_end(data, at + 1);
        if !matches!(data.get(end), Some(b'.' | b'e' | b'E')) {
            return Ok(end);
        }
    }
    any_number_end(data, at)
}

fn any_number_end(data: &[u8], mut at: usize) -> Result<usize, FrameError> {
    if data.get(at) == Some(&b'-') {
        at += 1;
    }
    match data.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at = digits_end(data, at + 1),
        _ => return Err(FrameError),
    }
    if data.get(at) == Some(&b'.') {
        let end = digits_end(data, at + 1);
        if end == at + 1 {
            return Err(FrameError);
        }
        at = end;
    }
    if let Some(b'e' | b'E') = data.get(at) {
        let mut from = at + 1;
        if let Some(b'+' | b'-') = data.get(from) {
            from += 1;
        }
        let end = digits_end(data, from);
        if end == from {
            return Err(FrameError);
        }
        at = end;
    }
    Ok(at)
}

#[inline(always)]
fn digits_end(data: &[u8], mut at: usize) -> usize {
    loop {
        let (_, digits) = digit_run(load8(data, at));
        at += digits as usize;
        if digits < 8 {
            return at;
        }
    }
}

/// A scalar that is no string and no container: its kind and end.
#[inline]
pub(crate) fn scalar(data: &[u8], at: usize) -> Result<(Kind, usize), FrameError> {
    let word = |text: &[u8], kind| {
        if data[at..].starts_with(text) { Ok((kind, at + text.len())) } else { Err(FrameError) }
    };
    match data.get(at) {
        Some(b't') => word(b"true", Kind::True),
        Some(b'f') => word(b"false", Kind::False),
        Some(b'n') => word(b"null", Kind::Null),
        _ => Ok((Kind::Number, number_end(data, at)?)),
    }
}

/// Checks and passes over any value; `depth` containers are already open around it.
pub(crate) fn skip(data: &[u8], at: usize, depth: u32) -> Result<usize, FrameError> {
    match data.get(at) {
        Some(b'"') => Ok(string_end(data, at + 1)?.0 + 1),
        Some(b'[') => skip_list(data, at + 1, depth + 1),
        Some(b'{') => skip_object(data, at + 1, depth + 1),
        _ => Ok(scalar(data, at)?.1),
    }
}

fn skip_list(data: &[u8], at: usize, depth: u32) -> Result<usize, FrameError> {
    if depth > NESTING_MAX {
        return Err(FrameError);
    }
    let mut at = space(data, at);
    if data.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    loop {
        at = space(data, skip(data, at, depth)?);
        match data.get(at) {
            Some(b',') => at = space(data, at + 1),
            Some(b']') => return Ok(at + 1),
            _ => return Err(FrameError),
        }
    }
}

fn skip_object(data: &[u8], at: usize, depth: u32) -> Result<usize, FrameError> {
    if depth > NESTING_MAX {
        return Err(FrameError);
    }
    let mut at = space(data, at);
    if data.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        if data.get(at) != Some(&b'"') {
            return Err(FrameError);
        }
        at = space(data, string_end(data, at + 1)?.0 + 1);
        if data.get(at) != Some(&b':') {
            return Err(FrameError);
        }
        at = space(data, skip(data, space(data, at + 1), depth)?);
        match data.get(at) {
            Some(b',') => at = space(data, at + 1),
            Some(b'}') => return Ok(at + 1),
            _ => return Err(FrameError),
        }
    }
}

/// A value inside a frame that was already checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    pub kind: Kind,
    /// Text without quotes, digits of a number, or the container with its brackets.
    pub raw: &'a [u8],
}

/// The value at `at` of checked JSON, and where it ends.
pub(crate) fn value(data: &[u8], at: usize) -> Result<(Value<'_>, usize), FrameError> {
    let (kind, from, to, end) = match data.get(at) {
        Some(b'"') => {
            let (to, escapes) = string_end(data, at + 1)?;
            (if escapes { Kind::Escaped } else { Kind::Text }, at + 1, to, to + 1)
        }
        Some(b'[') => {
            let end = skip(data, at, 0)?;
            (Kind::List, at, end, end)
        }
        Some(b'{') => {
            let end = skip(data, at, 0)?;
            (Kind::Object, at, end, end)
        }
        _ => {
            let (kind, end) = scalar(data, at)?;
            (kind, at, end, end)
        }
    };
    Ok((Value { kind, raw: &data[from..to] }, end))
}

/// Calls `each` with every element of a list (with its brackets).
pub(crate) fn elements<'a, E: From<FrameError>>(
    list: &'a [u8],
    mut each: impl FnMut(Value<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = space(list, 1);
    if list.get(at) == Some(&b']') {
        return Ok(());
    }
    loop {
        let (found, end) = value(list, at)?;
        each(found)?;
        at = space(list, end);
        if list.get(at) != Some(&b',') {
            return Ok(());
        }
        at = space(list, at + 1);
    }
}

/// Calls `each` with every key (unescaped) and value of an object (with its braces).
pub(crate) fn members<'a>(object: &'a [u8], mut each: impl FnMut(&[u8], Value<'a>)) -> Result<(), FrameError> {
    let mut at = space(object, 1);
    if object.get(at) == Some(&b'}') {
        return Ok(());
    }
    loop {
        let (key, end) = value(object, at)?;
        at = space(object, space(object, end) + 1);
        let (found, end) = value(object, at)?;
        if key.kind == Kind::Escaped {
            each(&unescape(key.raw), found)
        } else {
            each(key.raw, found)
        }
        at = space(object, end);
        if object.get(at) != Some(&b',') {
            return Ok(());
        }
        at = space(object, at + 1);
    }
}
