//! Records out of a journal's bytes, as `oneprice.ledger.frames.scan` makes them with msgspec.
//!
//! A body that is exactly as its record is written today is read here. Any other is left to msgspec, which then says
//! what it is, or why it is none. Texts and numbers come again and again; each is made once and then remembered.

use oneprice_core::journal::{self, HEAD_BYTES, Place, Values, is_plain_number, next_frame};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType};

const TEXT_BYTES_MAX: usize = 40;
const REMEMBERED_MAX: usize = 1 << 13;

type Made<'py> = PyResult<Option<Bound<'py, PyAny>>>;

/// What a field holds.
enum Kind {
    Integer,
    Boolean,
    Text,
    Number,
    NumberOrNone,
    CodeOf(Vec<(i64, Py<PyAny>)>),
    WordOf(Vec<(Vec<u8>, Py<PyAny>)>),
    Many(Parts),
}

/// The fields of an array, and the class of what they make: None for a tuple.
struct Parts {
    class: Option<Py<PyType>>,
    kinds: Vec<Kind>,
}

/// Reads journals whose records have these shapes.
#[pyclass(module = "oneprice._core", frozen)]
pub struct Reader {
    shapes: Vec<(Vec<u8>, Parts)>,
    decimal: Py<PyAny>,
}

/// The bodies as frames that continue a chain, and the last one's number and checksum.
#[pyfunction]
pub fn seal<'py>(
    py: Python<'py>,
    bodies: Vec<Bound<'py, PyBytes>>,
    number: u64,
    checksum: u32,
) -> PyResult<(Bound<'py, PyBytes>, u64, u32)> {
    let mut data = Vec::with_capacity(bodies.iter().map(|body| HEAD_BYTES + body.as_bytes().len()).sum());
    let mut place = Place { at: 0, number, checksum };
    for body in &bodies {
        place = journal::seal(body.as_bytes(), place, &mut data)
            .ok_or_else(|| PyValueError::new_err("a body or a number that no frame can hold"))?;
    }
    Ok((PyBytes::new(py, &data), place.number, place.checksum))
}

#[pymethods]
impl Reader {
    #[new]
    fn new(shapes: &Bound<'_, PyAny>) -> PyResult<Reader> {
        let shapes = shapes.try_iter()?.map(|shape| {
            let (tag, class, kinds): (String, Bound<'_, PyAny>, Bound<'_, PyAny>) = shape?.extract()?;
            Ok((tag.into_bytes(), parts(&class, &kinds)?))
        });
        let shapes = shapes.collect::<PyResult<_>>()?;
        let decimal = |py: Python<'_>| Ok::<_, PyErr>(py.import("decimal")?.getattr("Decimal")?.unbind());
        Ok(Reader { shapes, decimal: Python::attach(decimal)? })
    }

    /// `(records, at, number, checksum, error)`: the records of whole frames from a place on, the place behind the last,
    /// and what `decode` raised for the next, None where it was not asked.
    #[allow(clippy::type_complexity)]
    fn scan<'py>(
        &self,
        data: &Bound<'py, PyBytes>,
        at: usize,
        number: u64,
        checksum: u32,
        decode: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyList>, usize, u64, u32, Option<Bound<'py, PyAny>>)> {
        let (py, bytes) = (data.py(), data.as_bytes());
        let slots = (bytes.len() / 64).next_power_of_two().min(REMEMBERED_MAX);
        let mut maker = Maker {
            py,
            decimal: self.decimal.bind(py),
            texts: Remembered::new(slots),
            numbers: Remembered::new(slots),
        };
        let records = PyList::empty(py);
        let mut place = Place { at, number, checksum };
        while let Some((body, end)) = next_frame(bytes, place) {
            let record = match self.record(&mut maker, body)? {
                Some(record) => record,
                None => match decode.call1((PyBytes::new(py, body),)) {
                    Ok(record) => record,
                    Err(error) => {
                        let error = error.into_value(py).into_bound(py).into_any();
                        return Ok((records, place.at, place.number, place.checksum, Some(error)));
                    }
                },
            };
            records.append(record)?;
            place = end;
        }
        Ok((records, place.at, place.number, place.checksum, None))
    }
}

impl Reader {
    /// None for a body that is not quite as they are written.
    fn record<'py>(&self, maker: &mut Maker<'py, '_>, body: &[u8]) -> Made<'py> {
        let mut values = Values::new(body);
        let (Some(count), Some(tag)) = (values.array(), values.text()) else { return Ok(None) };
        let Some((_, parts)) = self.shapes.iter().find(|(name, _)| name == tag) else { return Ok(None) };
        if count != parts.kinds.len() + 1 {
            return Ok(None);
        }
        let made = maker.whole(parts, &mut values)?;
        Ok(made.filter(|_| values.is_empty()))
    }
}

/// Makes Python's objects of values.
struct Maker<'py, 'a> {
    py: Python<'py>,
    decimal: &'a Bound<'py, PyAny>,
    texts: Remembered<'py>,
    numbers: Remembered<'py>,
}

impl<'py> Maker<'py, '_> {
    /// What an array makes; its head has been read.
    fn whole(&mut self, parts: &Parts, values: &mut Values<'_>) -> Made<'py> {
        let mut fields = Vec::with_capacity(parts.kinds.len());
        for kind in &parts.kinds {
            let Some(field) = self.field(kind, values)? else { return Ok(None) };
            fields.push(field);
        }
        let fields = PyTuple::new(self.py, fields)?;
        match &parts.class {
            None => Ok(Some(fields.into_any())),
            Some(class) => class.bind(self.py).call1(fields).map(Some),
        }
    }

    fn field(&mut self, kind: &Kind, values: &mut Values<'_>) -> Made<'py> {
        let py = self.py;
        Ok(match kind {
            Kind::Integer => values.integer().map(|value| value.into_pyobject(py)).transpose()?.map(Bound::into_any),
            Kind::Boolean => {
                values.boolean().map(|value| value.into_pyobject(py).map(|it| it.to_owned().into_any())).transpose()?
            }
            Kind::Text => match values.text() {
                Some(text) => self.text(text)?,
                None => None,
            },
            Kind::NumberOrNone if values.nil() => Some(py.None().into_bound(py)),
            Kind::Number | Kind::NumberOrNone => match values.text() {
                Some(text) => self.number(text)?,
                None => None,
            },
            Kind::CodeOf(members) => values
                .integer()
                .and_then(|code| members.iter().find(|(one, _)| *one == code))
                .map(|(_, member)| member.bind(py).clone()),
            Kind::WordOf(members) => values
                .text()
                .and_then(|word| members.iter().find(|(one, _)| one == word))
                .map(|(_, member)| member.bind(py).clone()),
            Kind::Many(parts) => self.many(parts, values)?,
        })
    }

    fn many(&mut self, parts: &Parts, values: &mut Values<'_>) -> Made<'py> {
        let Some(count) = values.array() else { return Ok(None) };
        let mut items = Vec::new();
        for _ in 0..count {
            if values.array() != Some(parts.kinds.len()) {
                return Ok(None);
            }
            let Some(item) = self.whole(parts, values)? else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(PyTuple::new(self.py, items)?.into_any()))
    }

    fn text(&mut self, text: &[u8]) -> Made<'py> {
        let py = self.py;
        self.texts.get(text, || Ok(std::str::from_utf8(text).ok().map(|text| PyString::new(py, text).into_any())))
    }

    fn number(&mut self, text: &[u8]) -> Made<'py> {
        let decimal = self.decimal;
        self.numbers.get(text, || match std::str::from_utf8(text) {
            Ok(plain) if is_plain_number(text) => decimal.call1((plain,)).map(Some),
            _ => Ok(None),
        })
    }
}

/// What was made of short texts, each in the one slot where it may be: a newer one takes the place of another.
struct Remembered<'py> {
    slots: Vec<Slot<'py>>,
}

struct Slot<'py> {
    length: usize,
    text: [u8; TEXT_BYTES_MAX],
    made: Option<Bound<'py, PyAny>>,
}

impl<'py> Remembered<'py> {
    /// `count` is a power of two.
    fn new(count: usize) -> Remembered<'py> {
        let empty = || Slot { length: 0, text: [0; TEXT_BYTES_MAX], made: None };
        Remembered { slots: std::iter::repeat_with(empty).take(count).collect() }
    }

    fn get(&mut self, text: &[u8], make: impl FnOnce() -> Made<'py>) -> Made<'py> {
        if text.len() > TEXT_BYTES_MAX {
            return make();
        }
        let place = hash(text) & (self.slots.len() - 1);
        let slot = &mut self.slots[place];
        if slot.made.is_none() || slot.text[..slot.length] != *text {
            slot.made = make()?;
            slot.length = text.len();
            slot.text[..text.len()].copy_from_slice(text);
        }
        Ok(slot.made.clone())
    }
}

/// FNV-1a, eight bytes a step; its upper half is the better mixed one.
fn hash(text: &[u8]) -> usize {
    let mut mixed = 0xCBF2_9CE4_8422_2325u64;
    let mut mix = |word: u64| mixed = (mixed ^ word).wrapping_mul(0x0000_0100_0000_01B3);
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        mix(u64::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7]]));
    }
    for byte in chunks.remainder() {
        mix(u64::from(*byte));
    }
    (mixed ^ mixed >> 32) as usize
}

/// Of `(class, fields)`; class None for a tuple.
fn parts(class: &Bound<'_, PyAny>, kinds: &Bound<'_, PyAny>) -> PyResult<Parts> {
    let class = if class.is_none() { None } else { Some(class.cast::<PyType>()?.clone().unbind()) };
    let kinds = kinds.try_iter()?.map(|kind| self::kind(&kind?)).collect::<PyResult<_>>()?;
    Ok(Parts { class, kinds })
}

/// Of its name, of the members of an Enum by what is written, or of `(class, fields)` for a tuple of them.
fn kind(told: &Bound<'_, PyAny>) -> PyResult<Kind> {
    if let Ok(members) = told.cast::<PyDict>() {
        if let Ok(codes) =
            members.iter().map(|(code, member)| Ok((code.extract()?, member.unbind()))).collect::<PyResult<_>>()
        {
            return Ok(Kind::CodeOf(codes));
        }
        let word = |(word, member): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok((word.extract::<String>()?.into_bytes(), member.unbind()))
        };
        return Ok(Kind::WordOf(members.iter().map(word).collect::<PyResult<_>>()?));
    }
    if let Ok((class, kinds)) = told.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()
        && told.is_instance_of::<PyTuple>()
    {
        return Ok(Kind::Many(parts(&class, &kinds)?));
    }
    match told.extract::<String>()?.as_str() {
        "integer" => Ok(Kind::Integer),
        "boolean" => Ok(Kind::Boolean),
        "text" => Ok(Kind::Text),
        "number" => Ok(Kind::Number),
        "number or none" => Ok(Kind::NumberOrNone),
        other => Err(PyValueError::new_err(format!("no field holds {other:?}"))),
    }
}
