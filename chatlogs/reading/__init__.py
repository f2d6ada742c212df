"""Reading: paths to lines, lines to records. Finds logs, cuts them into blocks, decodes JSON, takes off wrappers."""
