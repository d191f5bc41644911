//! Protobuf by field number: unknown fields are skipped, bad ones refused (`oneprice.core.protoframe`).

use crate::json::FrameError;

/// A field's value as far as we look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Calls `each` with every field of a message.
pub(crate) fn fields<'a>(
    data: &'a [u8],
    mut each: impl FnMut(u32, Field<'a>) -> Result<(), FrameError>,
) -> Result<(), FrameError> {
    let mut at = 0;
    while at < data.len() {
        let (key, next) = varint(data, at)?;
        at = next;
        let number = key >> 3;
        if number == 0 || number >= 1 << 29 {
            return Err(FrameError);
        }
        let field = match key & 7 {
            0 => {
                let (value, next) = varint(data, at)?;
                at = next;
                Field::Varint(value)
            }
            2 => {
                let (size, next) = varint(data, at)?;
                let size = usize::try_from(size).map_err(|_| FrameError)?;
                let end = next.checked_add(size).filter(|end| *end <= data.len()).ok_or(FrameError)?;
                at = end;
                Field::Bytes(&data[next..end])
            }
            1 | 5 => {
                at += if key & 7 == 1 { 8 } else { 4 };
                if at > data.len() {
                    return Err(FrameError);
                }
                Field::Fixed
            }
            _ => return Err(FrameError),
        };
        each(number as u32, field)?;
    }
    Ok(())
}

fn varint(data: &[u8], mut at: usize) -> Result<(u64, usize), FrameError> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let byte = *data.get(at).ok_or(FrameError)?;
        at += 1;
        if shift == 63 && byte & 0x7e != 0 {
            return Err(FrameError);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value, at));
        }
        shift += 7;
        if shift > 63 {
            return Err(FrameError);
        }
    }
}
