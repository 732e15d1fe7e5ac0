"""The measures of the house, by the script that prints them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_FRAMES, MOST_DEPENDENCIES = 15, 8


def test_a_step_has_a_short_walk_and_its_partition_is_parsed_once(root: Path) -> None:
    command = [sys.executable, str(root / "benchmarks/shape.py"), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0 < found["walk"]["frames"] <= MOST_FRAMES
    assert found["walk"]["through"][0] == "counterpoint.runtime.execute.execute"
    assert found["walk"]["parsed"] == 1
    assert found["dependencies"] <= MOST_DEPENDENCIES
    assert found["cycles"] == []
    assert found["sizes"]["core/counterpoint"]["lines"] > 0
    assert all(found["seconds"].values())
