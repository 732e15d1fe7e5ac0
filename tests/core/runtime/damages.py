"""Ways in which stored data comes to be something else than what was written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from ledgerly import DAY

if TYPE_CHECKING:
    from collections.abc import Callable


def table(step: str, day: str = DAY, version: str = "production") -> str:
    return f"tables/{version}/ledgerly/{step}/date={day}/*.parquet"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def replaced(path: Path) -> None:
    pl.read_parquet(path).with_columns(v=pl.lit(999.0)).write_parquet(path)


def same_size(path: Path) -> None:
    """Other bytes, as many as before, in the middle of the data."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


def elsewhere(path: Path) -> None:
    """A log that names a file outside of the table."""
    path.write_text(re.sub(r'"path":"date=[^"]*"', '"path":"../../../../../secret.parquet"', path.read_text()))


WEIGHTS, DESCRIBED = "artifacts/*/ledgerly/model/*/*/weights.safetensors", "artifacts/*/ledgerly/model/*/*/model.json"
LOG = "tables/production/ledgerly/trend/_delta_log"
# the step, the file, what is done to it, and whether names and sizes alone tell
DAMAGES: dict[str, tuple[str, str, Callable[[Path], object], bool]] = {
    "weights cut": ("model", WEIGHTS, lambda path: path.write_bytes(path.read_bytes()[:20]), True),
    "weights with a header of 2^60": ("model", WEIGHTS, lambda path: path.write_bytes(b"\0" * 7 + b"\x10"), True),
    "weights changed": ("model", WEIGHTS, lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\1"), False),
    "a pickle": ("model", DESCRIBED, lambda path: path.write_bytes(b"\x80\x04K\x01."), True),
    "deep JSON": ("model", DESCRIBED, lambda path: path.write_bytes(b"[" * 100_000), True),
    "deep JSON of that size": ("model", DESCRIBED, lambda path: path.write_bytes(b"[" * path.stat().st_size), False),
    "value gone": ("score", "artifacts/*/ledgerly/score/*/*/value.json", Path.unlink, True),
    "table cut": ("trend", table("trend"), cut, True),
    "table gone": ("trend", table("trend"), Path.unlink, True),
    "table of other rows": ("trend", table("trend"), replaced, True),
    "table changed": ("trend", table("trend"), same_size, False),
    "log gone": ("trend", LOG, shutil.rmtree, True),
    "log cut": ("trend", f"{LOG}/*1.json", lambda path: path.write_bytes(path.read_bytes()[:50]), True),
    "log of deep JSON": ("trend", f"{LOG}/*1.json", lambda path: path.write_bytes(b"[" * 100_000), True),
    "first commit gone": ("trend", f"{LOG}/*0.json", Path.unlink, True),
    "log that leads out": ("trend", f"{LOG}/*3.json", elsewhere, True),
}


def only(root: Path, pattern: str) -> Path:
    (found,) = root.glob(pattern)
    return found
