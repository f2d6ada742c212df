"""Wrapped answers, read together: what stands around an answer becomes columns, the answer a bare line."""
