"""One folder per venue: facts and pure codecs, no sockets and no clocks."""
