"""What tests of several parts share: the pipeline `farm`, importable here and by every process that is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

HERE = Path(__file__).parent
FARM = str(HERE.parent / "core" / "backfill")


@pytest.fixture(scope="module")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(FARM):
        yield
    sys.modules.pop("farm", None)
