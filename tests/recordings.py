"""Where recordings of real servers lie: beside the project, or where the variable CHATLOGS_CORPORA says.

They are data of other projects and no part of this one; tests that need them are skipped without.
"""

from __future__ import annotations

import os
from pathlib import Path

CORPORA = Path(os.environ.get("CHATLOGS_CORPORA") or Path(__file__).resolve().parents[1].parent / "shared" / "corpora")
SOURCES = sorted(path.name for path in CORPORA.iterdir() if path.is_dir()) if CORPORA.is_dir() else []
