"""Plain chunks and answers, read by templates: lines alike are read together, streams folded in columns."""
