"""Odd machines: a run ends with the same digests, or with one clear error; what stands is whole either way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
TINY = """
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, step

@step(output=Output(OutputKind.TABLE))
def numbers(partition):
    import polars as pl
    return pl.DataFrame({"number": range(300), "day": [partition.key] * 300, "words": ["é"] * 300})

@step(output=Output(OutputKind.METRICS))
def total(numbers):
    return {"total": float(numbers["number"].sum())}

tiny = Pipeline("tiny", (numbers, total), Partitions(start="2026-01-01"))
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own are for its user alone."""
    with tempfile.TemporaryDirectory(prefix="counterpoint-test-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "oddplace.py").write_text(TINY, encoding="utf-8")
        yield Path(folder)


def run(place: Path, root: str, *before: str, day: str = "2026-01-03", **more: str) -> subprocess.CompletedProcess[str]:
    words = ["run", "oddplace:tiny", "--date", day, "--root", root, "--json"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]), **more}
    command = [*before, sys.executable, "-m", "counterpoint", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=place, timeout=240, check=False)


def digests(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return [step["output"]["digest"] for step in json.loads(done.stdout)["steps"]]


@pytest.fixture(scope="module")
def wanted(place: Path) -> list[str]:
    return digests(run(place, str(place / "plain")))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own in memory."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if made.returncode:
        folder.rmdir()
        pytest.skip(f"this user may not mount anything here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


@pytest.mark.parametrize(
    "before",
    [
        ("env", "-u", "HOME"),
        ("env", "HOME=/nonexistent"),
        ("env", "LANG=C", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0"),
        ("env", "LC_ALL=en_US.ISO-8859-1"),
        ("env", "TZ=Pacific/Kiritimati"),
        ("env", "TZ=Bogus/Zone"),
        ("env", "PYTHONOPTIMIZE=1"),
        ("env", "PYTHONOPTIMIZE=2"),
        ("env", "PYTHONHASHSEED=0", "TMPDIR=/nonexistent"),
        ("sh", "-c", 'ulimit -n 64; exec "$@"', "sh"),
        ("sh", "-c", 'exec "$@" <&-', "sh"),
        ("sh", "-c", 'umask 077; exec "$@"', "sh"),
    ],
    ids=lambda words: " ".join(words)[:50],
)
def test_a_run_is_the_same_whatever_surrounds_it(
    place: Path, wanted: list[str], before: tuple[str, ...], tmp_path: Path
) -> None:
    root = "root" if "LANG=C" in before else "rööt"  # in that locale the shell's characters are others
    assert digests(run(place, str(tmp_path / root), *before)) == wanted


def test_a_root_that_the_locale_cannot_write_is_one_error(place: Path, tmp_path: Path) -> None:
    ascii_only = ("env", "LANG=C", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0")
    done = run(place, str(tmp_path / "rööt"), *ascii_only)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "set LC_ALL=C.UTF-8" in done.stderr


def test_a_full_disk_is_one_error_and_what_follows_is_right(place: Path, wanted: list[str]) -> None:
    with mounted(place / "full", "-o", "size=4m") as disk:
        for free in (16, 100, 240):
            fill = disk / "fill"
            fill.write_bytes(b"")
            room = os.statvfs(disk)
            fill.write_bytes(b"\0" * (room.f_bavail * room.f_frsize - free * 1024))
            done = run(place, str(disk / f"root{free}"))
            assert done.returncode in {0, 1, 2}, done.stderr
            assert "Traceback" not in done.stderr
            assert done.returncode == 0 or "No space left" in done.stderr
            fill.unlink()
            assert digests(run(place, str(disk / f"root{free}"))) == wanted


def test_files_that_may_not_grow_are_one_error(place: Path, wanted: list[str], tmp_path: Path) -> None:
    done = run(place, str(tmp_path), "sh", "-c", 'ulimit -f 2; exec "$@"', "sh")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert digests(run(place, str(tmp_path))) == wanted


def test_a_read_only_root_can_be_looked_at_and_not_run_on(place: Path) -> None:
    with mounted(place / "fixed") as disk:
        assert run(place, str(disk / "root")).returncode == 0
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        done = run(place, str(disk / "root"), day="2026-01-04")
        assert done.returncode == 2
        assert "Read-only file system" in done.stderr
        assert "Traceback" not in done.stderr
        words = [sys.executable, "-m", "counterpoint", "status", "oddplace:tiny", "--root", str(disk / "root")]
        env = {**os.environ, "PYTHONPATH": str(place)}
        assert subprocess.run(words, env=env, capture_output=True, check=False).returncode == 0


def test_the_root_of_another_user_is_one_error(place: Path, wanted: list[str]) -> None:
    if os.geteuid():
        pytest.skip("only root can be another user")
    become = f"import os, sys; os.setgid({NOBODY}); os.setuid({NOBODY}); from counterpoint.__main__ import main"
    script = f"{become}; sys.exit(main(sys.argv[1:]))"
    env = {**os.environ, "PYTHONPATH": str(place), "HOME": str(place)}
    tried = subprocess.run([sys.executable, "-c", script, "pipelines"], env=env, capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("another user may not read this environment")
    words = ["run", "oddplace:tiny", "--date", "2026-01-04", "--root", str(place / "plain")]
    done = subprocess.run([sys.executable, "-c", script, *words], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_proc_is_absent_a_run_and_a_backfill_are_the_same(place: Path, wanted: list[str], tmp_path: Path) -> None:
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    if subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not hide /proc")
    assert digests(run(place, str(tmp_path), *hidden)) == wanted
    words = ["backfill", "oddplace:tiny", "--from", "2026-01-03", "--to", "2026-01-04", "--version", "v2"]
    command = [*hidden, sys.executable, "-m", "counterpoint", *words, "--root", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not re.search("Traceback", done.stderr)
