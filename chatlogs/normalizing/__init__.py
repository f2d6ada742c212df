"""Normalizing: records to columns. A block of bytes becomes Arrow tables of pieces, on a fast and a careful path.

What is read one by one is in `records`, what is looked for in whole blocks in `scanning`. Both are put into the tables
of `tables`: plain lines by `folding`, wrapped ones by `unwrapping`. Here is who reads which line.
"""
