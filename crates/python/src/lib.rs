//! The Python module `oneprice._core`: a thin shell around `oneprice-core`, without logic of its own.

use oneprice_core::event::{Event, plain_top};
use oneprice_core::hub;
use oneprice_core::listing::Listing;
use oneprice_core::scan::{Key, Near, Open};
use oneprice_core::sizing::Sized as SizedTrade;
use oneprice_core::states::Reason;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

mod records;

type PlainTop = (u64, u64, u64, u64, u64);

/// Books and scan of many listings, fed by many connections.
#[pyclass(module = "oneprice._core")]
struct Hub {
    inner: hub::Hub,
}

#[pymethods]
impl Hub {
    #[new]
    #[pyo3(signature = (config = None))]
    fn new(config: Option<&[u8]>) -> PyResult<Hub> {
        Ok(Hub { inner: hub::Hub::new(config.unwrap_or(b"{}")).map_err(PyValueError::new_err)? })
    }

    fn add_listing(&mut self, spec: &[u8]) -> PyResult<u32> {
        self.inner.add_listing(spec).map_err(PyValueError::new_err)
    }

    fn add_stream(&mut self, description: &[u8]) -> PyResult<usize> {
        self.inner.add_stream(description).map_err(PyValueError::new_err)
    }

    fn add_snapshot(&mut self, description: &[u8]) -> PyResult<usize> {
        self.inner.add_snapshot(description).map_err(PyValueError::new_err)
    }

    fn bind(&mut self, stream: usize, message: &str, symbol: &str, listing: u32) -> PyResult<()> {
        self.stream(stream)?;
        self.listing(listing)?;
        self.inner.bind(stream, message, symbol, listing).map_err(PyValueError::new_err)
    }

    fn unbind(&mut self, stream: usize, symbol: &str) -> PyResult<()> {
        self.stream(stream)?;
        self.inner.unbind(stream, symbol);
        Ok(())
    }

    fn add_cycle(&mut self, legs: Vec<(u32, i8)>) -> PyResult<u32> {
        self.inner.add_cycle(&legs).map_err(PyValueError::new_err)
    }

    fn on_frame(&mut self, stream: usize, frame: &Bound<'_, PyBytes>, now_ns: i64) -> PyResult<u32> {
        self.stream(stream)?;
        Ok(self.inner.on_frame(stream, frame.as_bytes(), now_ns))
    }

    fn on_snapshot(&mut self, listing: u32, snapshot: usize, body: &[u8], now_ns: i64) -> PyResult<u32> {
        self.listing(listing)?;
        if snapshot >= self.inner.snapshot_descriptions() {
            return Err(PyIndexError::new_err(format!("no snapshot description {snapshot}")));
        }
        Ok(self.inner.on_snapshot(listing, snapshot, body, now_ns))
    }

    fn begin_sync(&mut self, listing: u32, now_ns: i64) -> PyResult<u32> {
        self.listing(listing)?;
        Ok(self.inner.begin_sync(listing, now_ns))
    }

    fn lose(&mut self, listing: u32, reason: u8, now_ns: i64) -> PyResult<u32> {
        self.listing(listing)?;
        let reason = Reason::from_code(reason).ok_or_else(|| PyValueError::new_err(format!("no reason {reason}")))?;
        Ok(self.inner.lose(listing, reason, now_ns))
    }

    fn set_halted(&mut self, listing: u32, halted: bool, now_ns: i64) -> PyResult<u32> {
        self.listing(listing)?;
        Ok(self.inner.set_halted(listing, halted, now_ns))
    }

    fn stream_down(&mut self, stream: usize, now_ns: i64) -> PyResult<u32> {
        self.stream(stream)?;
        Ok(self.inner.stream_down(stream, now_ns))
    }

    fn stream_up(&mut self, stream: usize) -> PyResult<()> {
        self.stream(stream)?;
        self.inner.stream_up(stream);
        Ok(())
    }

    fn tick(&mut self, now_ns: i64) -> u32 {
        self.inner.tick(now_ns)
    }

    #[getter]
    fn events_lost(&self) -> u64 {
        self.inner.events_lost
    }

    #[getter]
    fn listing_of_frame(&self) -> i64 {
        self.inner.listing_of_frame.map_or(-1, i64::from)
    }

    #[getter]
    fn message_of_frame(&self) -> i64 {
        self.inner.message_of_frame.map_or(-1, |index| i64::try_from(index).unwrap_or(i64::MAX))
    }

    fn state(&self, listing: u32) -> PyResult<u8> {
        Ok(self.listing(listing)?.state() as u8)
    }

    fn reason(&self, listing: u32) -> PyResult<u8> {
        Ok(self.listing(listing)?.reason as u8)
    }

    fn top(&self, listing: u32) -> PyResult<PlainTop> {
        Ok(plain_top(&self.listing(listing)?.top).into())
    }

    fn quote(&self, listing: u32) -> PyResult<PlainTop> {
        Ok(plain_top(&self.listing(listing)?.quote).into())
    }

    fn times(&self, listing: u32) -> PyResult<(i64, i64)> {
        let target = self.listing(listing)?;
        Ok((target.updated_ns, target.event_ns))
    }

    fn sequence(&self, listing: u32) -> PyResult<u64> {
        Ok(self.listing(listing)?.sequence)
    }

    #[allow(clippy::type_complexity)]
    fn levels(&self, listing: u32, count: usize) -> PyResult<(Vec<(u64, u64)>, Vec<(u64, u64)>)> {
        let target = self.listing(listing)?;
        Ok((target.bids.ladder(count), target.asks.ladder(count)))
    }

    fn sizes(&self, listing: u32) -> PyResult<(usize, usize)> {
        let target = self.listing(listing)?;
        Ok((target.bids.len(), target.asks.len()))
    }

    fn counts<'py>(&self, py: Python<'py>, listing: u32) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (name, value) in self.listing(listing)?.counts.entries() {
            counts.set_item(name, value)?;
        }
        Ok(counts)
    }

    fn events<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.inner.events().iter().map(|event| plain_event(py, event)).collect()
    }

    fn opportunities<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.inner.opportunities().map(|open| plain_open(py, open)).collect()
    }

    fn near<'py>(&self, py: Python<'py>, count: usize) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        self.inner.near(count).iter().map(|near| plain_near(py, near)).collect()
    }

    fn listing_hash(&self, listing: u32) -> PyResult<u64> {
        self.listing(listing)?;
        Ok(self.inner.listing_hash(listing))
    }
}

impl Hub {
    fn listing(&self, number: u32) -> PyResult<&Listing> {
        if (number as usize) < self.inner.listings() {
            return Ok(self.inner.listing(number));
        }
        Err(PyIndexError::new_err(format!("no listing {number}")))
    }

    #[inline]
    fn stream(&self, number: usize) -> PyResult<()> {
        if number < self.inner.streams() {
            return Ok(());
        }
        Err(PyIndexError::new_err(format!("no stream {number}")))
    }
}

fn plain_key(key: Key) -> (u8, u32, u32) {
    (key.kind, key.first, key.second)
}

fn plain_sized<'py>(py: Python<'py>, sized: &SizedTrade) -> PyResult<Bound<'py, PyTuple>> {
    let legs = sized.legs.iter().map(|leg| (leg.listing, leg.side, leg.limit_ticks, leg.lots, leg.value));
    let legs = PyTuple::new(py, legs.collect::<Vec<_>>())?;
    (legs, sized.gross_bps, sized.net_bps, sized.net_atto).into_pyobject(py)
}

fn plain_open<'py>(py: Python<'py>, open: &Open) -> PyResult<Bound<'py, PyTuple>> {
    let (sized, best) = (plain_sized(py, &open.sized)?, plain_sized(py, &open.best)?);
    (plain_key(open.key), open.opened_ns, open.updated_ns, open.updates, sized, best).into_pyobject(py)
}

fn plain_near<'py>(py: Python<'py>, near: &Near) -> PyResult<Bound<'py, PyTuple>> {
    (plain_key(near.key), near.gross_bps, near.net_bps, near.miss as u8, near.listing).into_pyobject(py)
}

fn plain_event<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    match event {
        Event::State { ns, listing, state, reason } => {
            ("state", *ns, *listing, *state as u8, *reason as u8).into_pyobject(py)
        }
        Event::Trade { ns, listing, ticks, lots, side, id, event_ns } => {
            ("trade", *ns, *listing, *ticks, *lots, *side, id.as_str(), *event_ns).into_pyobject(py)
        }
        Event::Opened(ns, open) => ("opened", *ns, plain_open(py, open)?).into_pyobject(py),
        Event::Closed(ns, open) => ("closed", *ns, plain_open(py, open)?).into_pyobject(py),
    }
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<records::Reader>()?;
    module.add_function(wrap_pyfunction!(records::seal, module)?)?;
    module.add_class::<Hub>()
}
