//! The bytes of a journal: frames sealed by a chain of checksums (`oneprice.ledger.frames`), and the MessagePack in them.

/// Bytes before a body: length u32, checksum u32, number u64.
pub const HEAD_BYTES: usize = 16;
/// More than any body has.
pub const BODY_BYTES_MAX: usize = 1 << 20;

const POLYNOMIAL: u32 = 0xEDB8_8320;

/// CRC-32 of a byte that stands so many bytes before the end.
const TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ POLYNOMIAL } else { rest >> 1 };
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
    }
    let mut later = 1;
    while later < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[later - 1][byte];
            tables[later][byte] = before >> 8 ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        later += 1;
    }
    tables
};

/// CRC-32 of `data`, continuing from that of what came before (0 at the beginning), as zlib's.
pub fn crc32(data: &[u8], seed: u32) -> u32 {
    let mut rest = !seed;
    let mut chunks = data.chunks_exact(8);
    for chunk in &mut chunks {
        let low = rest ^ u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        let high = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
        rest = 0;
        for (place, word) in [(7, low), (3, high)] {
            for (step, byte) in word.to_le_bytes().into_iter().enumerate() {
                rest ^= TABLES[place - step][byte as usize];
            }
        }
    }
    for byte in chunks.remainder() {
        rest = rest >> 8 ^ TABLES[0][((rest ^ u32::from(*byte)) & 0xFF) as usize];
    }
    !rest
}

/// Where a chain has come to: behind the byte `at`, with the last frame's number and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub at: usize,
    /// Of the last frame.
    pub number: u64,
    /// Of the last frame.
    pub checksum: u32,
}

/// The body of the frame that continues the chain, and the place behind it; none where no whole frame does.
pub fn next_frame(data: &[u8], place: Place) -> Option<(&[u8], Place)> {
    let (head, rest) = data.get(place.at..)?.split_first_chunk::<HEAD_BYTES>()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let told = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let number = u64::from_le_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]);
    if place.number.checked_add(1) != Some(number) || length > BODY_BYTES_MAX {
        return None;
    }
    let body = rest.get(..length)?;
    let seal = crc32(body, crc32(&head[8..], crc32(&head[..4], place.checksum)));
    let end = Place { at: place.at + HEAD_BYTES + length, number, checksum: told };
    (seal == told).then_some((body, end))
}

/// Write the frame that continues the chain behind what is in `out`, and give the place behind it. None for a body
/// whose length no frame can tell.
pub fn seal(body: &[u8], place: Place, out: &mut Vec<u8>) -> Option<Place> {
    let (length, number) = (u32::try_from(body.len()).ok()?, place.number.checked_add(1)?);
    let begin = crc32(&number.to_le_bytes(), crc32(&length.to_le_bytes(), place.checksum));
    let checksum = crc32(body, begin);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(body);
    Some(Place { at: place.at + HEAD_BYTES + body.len(), number, checksum })
}

/// Values of MessagePack, one after the other. What is not of the kind that is asked for gives none, and the position
/// means nothing then.
pub struct Values<'a> {
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// All that is in `data`.
    pub fn new(data: &'a [u8]) -> Values<'a> {
        Values { rest: data }
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.rest.split_first_chunk::<COUNT>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    /// A nil is taken, when it is the next.
    pub fn nil(&mut self) -> bool {
        let is_nil = self.rest.first() == Some(&0xC0);
        if is_nil {
            self.rest = &self.rest[1..];
        }
        is_nil
    }

    /// True or false.
    pub fn boolean(&mut self) -> Option<bool> {
        match self.byte()? {
            0xC2 => Some(false),
            0xC3 => Some(true),
            _ => None,
        }
    }

    /// A whole number that 63 bits and a sign hold.
    pub fn integer(&mut self) -> Option<i64> {
        match self.byte()? {
            byte @ 0x00..=0x7F => Some(i64::from(byte)),
            byte @ 0xE0..=0xFF => Some(i64::from(byte) - 256),
            0xCC => Some(i64::from(self.byte()?)),
            0xCD => Some(i64::from(u16::from_be_bytes(self.take()?))),
            0xCE => Some(i64::from(u32::from_be_bytes(self.take()?))),
            0xCF => i64::try_from(u64::from_be_bytes(self.take()?)).ok(),
            0xD0 => Some(i64::from(i8::from_be_bytes(self.take()?))),
            0xD1 => Some(i64::from(i16::from_be_bytes(self.take()?))),
            0xD2 => Some(i64::from(i32::from_be_bytes(self.take()?))),
            0xD3 => Some(i64::from_be_bytes(self.take()?)),
            _ => None,
        }
    }

    /// A text's bytes, up to 64 KiB; whether they are UTF-8 is not looked at.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = match self.byte()? {
            byte @ 0xA0..=0xBF => usize::from(byte & 0x1F),
            0xD9 => usize::from(self.byte()?),
            0xDA => usize::from(u16::from_be_bytes(self.take()?)),
            _ => return None,
        };
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    /// How many values the array has that begins here, up to 65,535.
    pub fn array(&mut self) -> Option<usize> {
        match self.byte()? {
            byte @ 0x90..=0x9F => Some(usize::from(byte & 0x0F)),
            0xDC => Some(usize::from(u16::from_be_bytes(self.take()?))),
            _ => None,
        }
    }
}

/// Whether a text is a number as Decimal writes them: digits, perhaps a sign before, a point within and an exponent
/// behind; 64 characters at most.
pub fn is_plain_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (mantissa, exponent) = match unsigned.iter().position(|byte| *byte == b'E') {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    text.len() <= 64
        && digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| {
            let unsigned = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
            unsigned.len() <= 3 && digits(unsigned)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_everybody() {
        assert_eq!(crc32(b"123456789", 0), 0xCBF4_3926);
        assert_eq!(crc32(b"", 7), 7);
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(crc32(text, 0), 0x414F_A339);
        for at in 0..=text.len() {
            assert_eq!(crc32(&text[at..], crc32(&text[..at], 0)), 0x414F_A339);
        }
    }

    #[test]
    fn what_is_sealed_is_read_and_no_bit_of_it_may_change() {
        let start = Place { at: 0, number: 7, checksum: 9 };
        let mut data = Vec::new();
        let middle = seal(b"one", start, &mut data).unwrap();
        let end = seal(b"", middle, &mut data).unwrap();
        assert_eq!(next_frame(&data, start), Some((&b"one"[..], middle)));
        assert_eq!(next_frame(&data, middle), Some((&b""[..], end)));
        assert_eq!(next_frame(&data, end), None);
        for bit in 0..middle.at * 8 {
            data[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(next_frame(&data, start), None, "bit {bit}");
            data[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(next_frame(&data[..data.len() - 1], middle), None);
        assert_eq!(seal(b"", Place { number: u64::MAX, ..start }, &mut data), None);
    }

    #[test]
    fn numbers_are_what_decimal_writes() {
        for plain in ["0", "-0", "12.50", "-0.001", "1E+3", "1.5E-18", "0E-8", "9E9"] {
            assert!(is_plain_number(plain.as_bytes()), "{plain}");
        }
        for other in ["", "-", ".5", "5.", "1e3", "NaN", "Infinity", "1_000", " 1", "1E", "1E+", "1E+1000", "--1"] {
            assert!(!is_plain_number(other.as_bytes()), "{other}");
        }
        assert!(!is_plain_number(&[b'1'; 65]));
    }

    #[test]
    fn integers_of_all_widths() {
        let cases: [(&[u8], Option<i64>); 12] = [
            (&[0x7F], Some(127)),
            (&[0xFF], Some(-1)),
            (&[0xE0], Some(-32)),
            (&[0xCC, 200], Some(200)),
            (&[0xCD, 1, 0], Some(256)),
            (&[0xCE, 255, 255, 255, 255], Some(4_294_967_295)),
            (&[0xCF, 128, 0, 0, 0, 0, 0, 0, 0], None),
            (&[0xD0, 128], Some(-128)),
            (&[0xD1, 255, 0], Some(-256)),
            (&[0xD3, 255, 255, 255, 255, 255, 255, 255, 255], Some(-1)),
            (&[0xD2, 0], None),
            (&[0xC0], None),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(Values::new(bytes).integer(), wanted, "{bytes:?}");
        }
    }
}
