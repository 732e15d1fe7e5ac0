"""What tests of several parts share: the pipeline `farm`, importable here and by every process that is started."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FARM = str(Path(__file__).parents[1] / "core" / "backfill")


@pytest.fixture(scope="module")
def importable() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FARM)
        patch.setenv("PYTHONPATH", os.pathsep.join([FARM, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield
    sys.modules.pop("farm", None)
