"""Keeping: whole Parquet files to a store. Delta tables, committed whole or not at all, that are plain folders too."""
