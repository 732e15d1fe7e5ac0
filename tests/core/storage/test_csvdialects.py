"""Plain copies of files that are compressed or of another encoding: the same text, or an error."""

from __future__ import annotations

import bz2
import gzip
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.storage.csvdialects import CsvError, Dialect, plain_copy

if TYPE_CHECKING:
    from pathlib import Path

PACKED: dict[str, Any] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}
TEXT = "".join(f"{number},é{number * 7919 % 1000}\n" for number in range(3000))


@pytest.mark.parametrize("ending", PACKED)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), damage=st.sampled_from(["none", "cut", "twice", "zeros"]))
def test_damaged_data_is_refused_or_whole(tmp_path: Path, ending: str, place: float, damage: str) -> None:
    data = PACKED[ending](TEXT.encode())
    at = int(place * len(data))
    damaged = {"none": data, "cut": data[:at], "twice": data + data, "zeros": data[:at] + bytes(20) + data[at + 20 :]}
    file = tmp_path / f"t.csv.{ending}"
    file.write_bytes(damaged[damage])
    text = read_or_refused(file, tmp_path / "copy")
    refused = text.startswith("its compressed data is cut or damaged")
    assert not refused or damage in ("cut", "zeros")
    assert refused or damage != "cut" or not damaged["cut"]
    if damage in ("none", "twice"):
        assert text == {"none": TEXT, "twice": TEXT * 2}[damage]


def read_or_refused(file: Path, copy: Path) -> str:
    try:
        return plain_copy(file, Dialect(), copy).read_text(encoding="utf-8", errors="replace")
    except CsvError as error:
        return str(error)


@given(text=st.text(st.characters(codec="latin-1"), max_size=200))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_is_the_same_in_any_encoding(tmp_path: Path, text: str) -> None:
    for encoding in ("latin-1", "utf-16", "utf-8-sig"):
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))
        copy = plain_copy(tmp_path / "t.csv", Dialect(encoding=encoding), tmp_path / "copy")
        assert copy.read_bytes().decode("utf-8-sig") == text.removeprefix("\ufeff")
