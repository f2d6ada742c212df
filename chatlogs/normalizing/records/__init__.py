"""One record, read by itself: what it says becomes a piece, and pieces that belong together are merged."""
