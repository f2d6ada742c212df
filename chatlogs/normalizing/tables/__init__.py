"""Pieces as Arrow tables: their columns, and the merge of those that belong together."""
