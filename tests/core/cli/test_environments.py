"""Odd machines: a run ends with the same digests, or with one clear error; what stands is whole either way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Done = subprocess.CompletedProcess[str]

# its first step notes what surrounds it, which shows that the oddness came that far
TINY = """
import json, locale, os, resource, sys, time
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, step

def note(file):
    umask = os.umask(0)
    os.umask(umask)
    found = {
        "home": os.environ.get("HOME"), "zone": time.strftime("%z"), "locale": locale.getpreferredencoding(False),
        "optimize": sys.flags.optimize, "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "umask": umask, "user": os.geteuid(),
    }
    with open(file, "w", encoding="utf-8") as noted:
        json.dump(found, noted)

@step(output=Output(OutputKind.TABLE))
def numbers(partition):
    import polars as pl
    if "ODD_SEEN" in os.environ:
        note(os.environ["ODD_SEEN"])
    return pl.DataFrame({"number": range(300), "day": [partition.key] * 300, "words": ["é"] * 300})

@step(output=Output(OutputKind.METRICS))
def total(numbers):
    return {"total": float(numbers["number"].sum())}

tiny = Pipeline("tiny", (numbers, total), Partitions(start="2026-01-01"))
"""
ASCII = ("env", "LANG=C", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0")
FEW = 'ulimit -n 32; umask 077; exec env LC_ALL=xx_XX.latin9 TZ=Bogus/Zone PYTHONOPTIMIZE=2 "$@" <&-'
NOBODY = ("unshare", "--user")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="counterpoint-test-") as folder:
        (Path(folder) / "oddplace.py").write_text(TINY, encoding="utf-8")
        yield Path(folder)


def command(place: Path, *words: str, before: tuple[str, ...] = (), **more: str) -> Done:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]), **more}
    whole = [*before, sys.executable, "-m", "counterpoint", words[0], "oddplace:tiny", *words[1:], "--json"]
    return subprocess.run(whole, capture_output=True, text=True, env=env, cwd=place, timeout=240, check=False)


def run(place: Path, root: Path, *before: str, day: str = "2026-01-03", **more: str) -> Done:
    return command(place, "run", "--date", day, "--root", str(root), before=before, **more)


def steps(done: Done) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["steps"]
    return found


def digests(done: Done) -> list[str]:
    return [step["output"]["digest"] for step in steps(done)]


def assert_told(done: Done, code: int, reason: str) -> None:
    assert done.returncode == code, done.stderr
    assert reason in done.stderr
    assert not re.search("Traceback|panicked", done.stderr), done.stderr


def needs(*words: str) -> None:
    """Leaves a test out, by name, where the system does not let this user do something."""
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this user may not `{' '.join(words)}` here: {tried.stderr.strip()}")


@pytest.fixture(scope="module")
def wanted(place: Path) -> list[str]:
    """What an ordinary machine comes to; it stands below `plain`."""
    return digests(run(place, place / "plain"))


@contextmanager
def mounted(folder: Path, *how: str) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    made = subprocess.run(["mount", *how, folder], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this user may not `mount {' '.join(how)}` here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    ("before", "sees"),
    [
        (
            ("env", "-u", "HOME", "TZ=Pacific/Kiritimati", "TMPDIR=/nonexistent", "PYTHONHASHSEED=0"),
            {"home": None, "zone": "+1400"},
        ),
        (
            (*ASCII, "HOME=/nonexistent"),
            {"home": "/nonexistent", "locale": "ANSI_X3.4-1968"},
        ),
        (("sh", "-c", FEW, "sh"), {"descriptors": 32, "umask": 0o077, "optimize": 2, "zone": "+0000"}),
    ],
    ids=["no HOME, another zone, no TMPDIR", "ASCII, HOME is absent", "few descriptors, no stdin, umask, -OO"],
)
def test_a_run_is_the_same_whatever_surrounds_it(
    place: Path, wanted: list[str], before: tuple[str, ...], sees: dict[str, Any], tmp_path: Path
) -> None:
    root = "root" if "LANG=C" in before else "rööt"  # in that locale the shell's characters are others
    assert digests(run(place, tmp_path / root, *before, ODD_SEEN=str(tmp_path / "seen"))) == wanted
    assert sees.items() <= json.loads((tmp_path / "seen").read_text("utf-8")).items()


def test_who_is_not_root_runs_below_his_own_root_only(place: Path, wanted: list[str], tmp_path: Path) -> None:
    before: tuple[str, ...] = ()
    if not os.geteuid():  # in a name space of his own the user is not root, and may do no more than the files say
        needs(*NOBODY)
        before = NOBODY
    assert digests(run(place, tmp_path / "own", *before, ODD_SEEN=str(tmp_path / "seen"))) == wanted
    assert json.loads((tmp_path / "seen").read_text("utf-8"))["user"]
    (tmp_path / "theirs").mkdir(mode=0o500)
    assert_told(run(place, tmp_path / "theirs" / "root", *before), 2, "Permission denied")


def test_a_root_that_the_locale_cannot_write_is_one_error(place: Path, tmp_path: Path) -> None:
    done = run(place, tmp_path / "rööt", *ASCII)
    assert_told(done, 2, "set LC_ALL=C.UTF-8")
    assert len(done.stderr.splitlines()) == 1


def test_a_full_disk_is_told_and_what_follows_is_right(place: Path, wanted: list[str]) -> None:
    with mounted(place / "full", "-t", "tmpfs", "-o", "size=4m", "tmpfs") as disk:
        for kilobytes in (0, 32):  # too few for anything, and for all of it
            room = os.statvfs(disk)
            (disk / "fill").write_bytes(b"\0" * (room.f_bavail * room.f_frsize - kilobytes * 1024))
            done = run(place, disk / "root")
            assert_told(done, done.returncode if done.returncode in {1, 2} else 1, "No space left")
            (disk / "fill").unlink()
        assert digests(run(place, disk / "root")) == wanted


def test_files_that_may_not_grow_are_told_and_what_follows_is_right(
    place: Path, wanted: list[str], tmp_path: Path
) -> None:
    done = run(place, tmp_path, "sh", "-c", 'ulimit -f 2; exec "$@"', "sh")
    assert_told(done, done.returncode if done.returncode in {1, 2} else 1, "File too large")
    assert digests(run(place, tmp_path)) == wanted


def test_a_read_only_root_can_be_looked_at_and_not_run_on(place: Path, wanted: list[str]) -> None:
    with mounted(place / "fixed", "--bind", str(place / "plain")) as disk:
        subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
        assert_told(run(place, disk, day="2026-01-04"), 2, "Read-only file system")
        looked = command(place, "status", "--root", str(disk))
        assert looked.returncode == 0, looked.stderr
        assert "fresh" in looked.stdout


def test_where_proc_is_absent_the_error_names_it(place: Path, tmp_path: Path) -> None:
    hidden = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    needs(*hidden)
    assert_told(run(place, tmp_path, *hidden), 1, "/proc is not mounted here")


def years_ahead(text: str) -> str:
    """A record as a clock that was ten years ahead would have made it."""
    text = re.sub(r"\b20(\d\d)(-\d\d-\d\dT\d\d:\d\d:)", lambda found: f"20{int(found[1]) + 10}{found[2]}", text)
    ten = 10 * 365 * 86_400_000
    return re.sub(r'("(?:timestamp|modificationTime)":)(\d{13})\b', lambda f: f"{f[1]}{int(f[2]) + ten}", text)


def test_after_the_clock_was_set_back_what_stands_is_fresh(place: Path, wanted: list[str], tmp_path: Path) -> None:
    root, later, changed = tmp_path / "root", time.time() + 10 * 365 * 86_400, set()
    shutil.copytree(place / "plain", root)
    for file in filter(Path.is_file, root.rglob("*")):
        if file.suffix in {".json", ".jsonl"}:
            text = file.read_text("utf-8")
            if (ahead := years_ahead(text)) != text:
                file.write_text(ahead, encoding="utf-8")
                changed.add(file.relative_to(root).parts[0])
        os.utime(file, (later, later))
    assert {"runs", "tables"} <= changed
    again = run(place, root)
    assert digests(again) == wanted
    assert all(step["reused"] for step in steps(again))
    assert digests(run(place, root, day="2026-01-04"))[1] == wanted[1]
    told = command(place, "status", "--root", str(root)).stdout
    assert (told.count('"fresh"'), re.findall("stale|missing|failed", told)) == (4, [])
