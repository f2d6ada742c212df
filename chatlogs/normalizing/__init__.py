"""Normalizing: records to columns. A block of bytes becomes Arrow tables of pieces, on a fast and a careful path."""
