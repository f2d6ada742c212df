"""Telling: frames to what people read. Tables for terminals and Markdown, and data formats."""
