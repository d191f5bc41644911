"""Recordings: what came over the wire, with the time it came, to files and back.

Frames are kept as they were received and are not looked into on the way. A file belongs to one market of
one venue; many files are read as one stream in the order of receive times.
"""

from oneprice.market.recording.plain import PlainFile, open_text, unpacked_start, write_plain_line
from oneprice.market.recording.reader import RecordingFile
from oneprice.market.recording.recorder import Recorder
from oneprice.market.recording.records import (
    MAGIC,
    SCHEMA,
    SUFFIX,
    Header,
    RecordedListing,
    Rest,
    Tag,
)
from oneprice.market.recording.writer import RecordingWriter

__all__ = [
    "MAGIC",
    "SCHEMA",
    "SUFFIX",
    "Header",
    "PlainFile",
    "RecordedListing",
    "Recorder",
    "RecordingFile",
    "RecordingWriter",
    "Rest",
    "Tag",
    "open_text",
    "unpacked_start",
    "write_plain_line",
]
