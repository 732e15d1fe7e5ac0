"""Arguments that no command can take: each is one clear error with exit 2, and nothing is written anywhere."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from counterpoint.documents import parsed
from counterpoint.errors import StorageError
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from pathlib import Path

DEEP = ("[" * 200 + "]" * 200, b"[" * 200_000, '{"a":' * 500 + "1" + "}" * 500)
RUN = ("run", "streamrec", "--date", "2026-01-07")


def counterpoint(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=place, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", ":x", "--date", "2026-01-03"), "':x' names nothing"),
        (("run", "..x:y", "--date", "2026-01-03"), "'..x:y' names nothing"),
        (("run", "streamrec", "--date", "9999-12-31"), "there is no date any more"),
        (("backfill", "streamrec", "--from", "9999-12-30", "--to", "9999-12-31"), "there is no date any more"),
        ((*RUN, "--set", f"seed={'[' * 50_000}"), "write it NAME=JSON"),
        ((*RUN, "--set", "seed=NaN"), "write it NAME=JSON"),
        ((*RUN, "--set", "seed=-Infinity"), "write it NAME=JSON"),
        ((*RUN, "--set", "seed=1e999"), "write it NAME=JSON"),
        ((*RUN, "--root", ""), "--root is empty"),
        ((*RUN, "--root", " "), "--root is empty"),
        ((*RUN, "--root", "s3://"), "names no bucket"),
        ((*RUN, "--root", "s3:///x"), "names no bucket"),
        ((*RUN, "--root", "file:x://y"), "in a folder, written as its path"),
        ((*RUN, "--root", "memory:///x"), "in a folder, written as its path"),
        ((*RUN, "--root", "http://127.0.0.1:1/x"), "in a folder, written as its path"),
        ((*RUN, "--root", "/".join(["d" * 200] * 20)), "choose a shorter one"),
        ((*RUN, "--root", "d" * 300), "choose a shorter one"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_an_argument_that_cannot_be_is_one_clear_error(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = counterpoint(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()[-1]) < 1000
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("root", "said"), [("a\0b", "is no path below which data can lie"), ("a\udcc3b", "is no UTF-8")], ids=ascii
)
def test_what_no_shell_can_type_is_refused_too(root: str, said: str) -> None:
    with pytest.raises(StorageError, match=said):
        Objects(root)


@pytest.mark.parametrize("text", [*DEEP, "", "\0", b"\xff", "NaN", "1e999"], ids=lambda text: ascii(text)[:20])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"too deep|no number|too large|Expecting|decode"):
        parsed(text)


def test_flat_json_may_be_long() -> None:
    assert parsed("[" + "[],[1.5],{}," * 500 + "[[]]]")[1] == [1.5]
