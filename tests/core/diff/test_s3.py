"""The same on S3: a server of moto stands in for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from deltalake import write_deltalake
from orchard import DAYS, day_of, store

from counterpoint.storage.tables import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., tuple[int, Any, str]]

FRAME = pl.DataFrame({"id": [1, 2, 3], "x": [0.5, 1.5, None]})


def test_tables_there_and_here(bucket: str, tmp_path: Path, command: Command) -> None:
    for frame in (FRAME, FRAME[:2]):
        write_deltalake(f"{bucket}/delta", frame.to_arrow(), mode="overwrite", storage_options=options())
    for name in ("folder/a.parquet", "t.parquet"):
        FRAME.write_parquet(f"{bucket}/{name}", storage_options=options())
    FRAME.write_parquet(tmp_path / "t.parquet")
    for far in (f"{bucket}/delta@0", f"{bucket}/folder", f"{bucket}/t.parquet"):
        code, document, told = command(far, tmp_path / "t.parquet")
        assert (code, document and document["rows"]["left"]) == (0, 3), told
    code, document, _ = command(f"{bucket}/delta", f"{bucket}/folder/")
    assert (code, document["rows"]["only_right"]) == (4, 1)


@pytest.mark.parametrize("name", ["none.parquet", "none.csv", "none", "none@3"])
def test_what_is_not_there(bucket: str, command: Command, name: str) -> None:
    code, document, told = command(f"{bucket}/{name}", f"{bucket}/{name}")
    assert (code, document, len(told.splitlines())) == (2, None, 1)


def test_versions_there(bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Command) -> None:
    from counterpoint.cli.main import main

    day_of(store(bucket), DAYS[0], 1.0, 2.0)
    day_of(store(bucket, "v2"), DAYS[0], 1.0, 2.5)
    words = ["diff", "orchard:PIPELINE@v2", "orchard:PIPELINE@production", "--root", bucket]
    assert main([*words]) == 4
    assert main([*words, "--tolerance", "0.5"]) == 0
