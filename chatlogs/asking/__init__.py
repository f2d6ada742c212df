"""Asking: questions to SQL. Reports, filters, times, and the tables of a store as frames."""
