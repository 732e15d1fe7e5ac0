"""The pipelines of this folder are importable in the tests and in their children."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
