"""What tests of several parts share: the pipeline `farm`, importable here and by every process that is started."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
FARM = str(HERE.parent / "core" / "backfill")
# what decides the bits of an output, beside our own code
LIBRARIES = {"deltalake", "narwhals", "numpy", "pandera", "polars", "safetensors", "torch"}


@pytest.fixture(scope="module")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(FARM):
        yield
    sys.modules.pop("farm", None)


@pytest.fixture(scope="session")
def once() -> Callable[[str, Callable[[], Any]], Any]:
    """The JSON value that the local runner comes to: computed by the first environment of this checkout that asks.

    It is kept under the digest of all code, tests and library versions that decide it, so another state of the
    checkout computes its own.
    """

    def kept(name: str, compute: Callable[[], Any]) -> Any:
        file = CHECKOUT / ".tox" / "reference" / f"{name}-{_state()}.json"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f"{file.name}.{os.getpid()}")
            part.write_text(json.dumps(compute()), encoding="utf-8")
            part.replace(file)
        return json.loads(file.read_text(encoding="utf-8"))

    return kept


def _state() -> str:
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    found = {d.metadata["Name"].lower(): d.version for d in distributions()}
    digest.update(str(sorted((name, found[name]) for name in LIBRARIES & set(found))).encode())
    for path in sorted([*(CHECKOUT / "core" / "src").rglob("*.py"), *HERE.glob("*.py")]):
        digest.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
