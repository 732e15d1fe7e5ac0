"""A source that a test writes line by line, and the days that tests speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from counterpoint.model import Partitions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl

    from counterpoint.model import Partition

HEADER = "user_id,item_id,event_type,watch_seconds,timestamp,device,category"


@pytest.fixture
def day() -> Callable[[str], Partition]:
    return Partitions().partition


@pytest.fixture
def today(day: Callable[[str], Partition]) -> Partition:
    return day("2026-01-03")


@pytest.fixture
def lines() -> list[str]:
    """A header and 200 good events of 2026-01-03."""
    events = (f"u{n % 20},i{n % 30},play,{n}.5,2026-01-03T10:{n // 60:02}:{n % 60:02}Z,tv,drama" for n in range(200))
    return [HEADER, *events]


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., str]:
    """Writes lines to a file below the test's folder and gives the source that is the folder."""

    def write(lines: list[str], name: str = "events.csv", folder: str = "data") -> str:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(place)

    return write


@pytest.fixture
def profiled(tmp_path: Path) -> Callable[[str, str], str]:
    """Joins a source and a profile given as TOML."""

    def write(source: str, toml: str) -> str:
        place = tmp_path / "profile.toml"
        place.write_text(toml, encoding="utf-8")
        return f"{source},profile={place}"

    return write


@pytest.fixture
def source_with(
    deliver: Callable[..., str], profiled: Callable[[str, str], str], lines: list[str]
) -> Callable[[str], str]:
    """The source of the good lines with a profile given as TOML."""
    return lambda toml: profiled(deliver(lines), toml)


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[[pl.DataFrame], str]:
    """Writes a frame as Parquet and gives the source that is the file."""

    def write(frame: pl.DataFrame) -> str:
        frame.write_parquet(tmp_path / "events.parquet")
        return str(tmp_path / "events.parquet")

    return write
