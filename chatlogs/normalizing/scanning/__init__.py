"""Whole blocks of bytes at once: where words, quotes, escapes and brackets are."""
