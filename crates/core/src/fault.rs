//! What can be wrong with what a venue sends.

use crate::json::FrameError;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The frame as a whole cannot be trusted.
    Frame,
    /// The frame is sound, this message is not.
    Part,
    /// A price or quantity is off the listing's grid.
    Off,
}

impl From<FrameError> for Fault {
    fn from(_: FrameError) -> Fault {
        Fault::Frame
    }
}
