"""Names of output formats, without what writes them: `--help` has to be quick."""

FORMATS = ("table", "json", "jsonl", "csv", "tsv", "markdown", "parquet")
SHORT = {"json": "json", "jsonl": "jsonl", "csv": "csv", "md": "markdown"}
