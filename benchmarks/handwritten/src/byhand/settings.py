"""The settings of a deployment, from environment variables; standard library only, because schedulers import it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamrec.config import CONFIG

ROOT, SOURCE, OVERRIDES = "STREAMREC_ROOT", "STREAMREC_SOURCE", "STREAMREC_SETTINGS"


@dataclass(frozen=True, slots=True)
class Settings:
    """The root of the lake, the source of events, and the settings of the pure functions."""

    root: Path
    source: str
    functions: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this deployment; unset values default to `streamrec.config`."""
        overrides = json.loads(os.environ.get(OVERRIDES, "{}"))
        source = os.environ.get(SOURCE, CONFIG["source"])
        return cls(Path(os.environ.get(ROOT, "streamrec-lake")).absolute(), source, {**CONFIG, **overrides})
