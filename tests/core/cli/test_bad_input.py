"""Bad input, typed as a person would: one clear error, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.runtime import find_pipeline
from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = "user_id,item_id,event_type,watch_seconds,timestamp,device,category"
GOOD = "2026-01-07"
PROFILE = 'files = "{date}.csv"\n'


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", "run", "streamrec", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def events(day: str, count: int = 200) -> list[str]:
    rows = (f"u{n % 20},i{n % 30},play,{n}.5,{day}T10:{n // 60:02}:{n % 60:02}Z,tv,drama" for n in range(count))
    return [HEADER, *rows]


def text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def deliver(folder: Path, days: dict[str, str]) -> str:
    """Writes a file a day, and the profile that says so; gives the source."""
    data = folder / "data"
    data.mkdir(parents=True)
    for day, content in days.items():
        (data / f"{day}.csv").write_text(content, encoding="utf-8")
    (folder / "profile.toml").write_text(PROFILE, encoding="utf-8")
    return f"{data},profile={folder / 'profile.toml'}"


def standing(root: Path, step: str) -> list[str]:
    store = Store(str(root), find_pipeline("streamrec"))
    return [day for n in range(1, 8) if store.entry(step, day := f"2026-01-{n:02}")]


# What is wrong with each day of one source, and what must be said of it.
BAD_DAYS = {
    "2026-01-01": (text([HEADER]), "a header and no row"),
    "2026-01-02": (text(events("2026-01-02"))[:-20], "is cut in the middle"),
    "2026-01-03": (text(events("2026-01-03")).replace("user_id", "userid", 1), "is it 'userid' now"),
    "2026-01-04": (text(events("2026-01-04")).replace("Z,", ","), "have no time zone"),
    "2026-01-05": (
        text([HEADER, *("," + line.partition(",")[2] for line in events("2026-01-05")[1:])]),
        "column user_id, check not null: 200 rows",
    ),
    "2026-01-06": (
        text([line.replace("play", "jump") if n % 5 < 2 else line for n, line in enumerate(events("2026-01-06"))]),
        "over max_bad_rate 1.00%",
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(scope="module")
def told(place: Path) -> subprocess.CompletedProcess[str]:
    """One run whose window holds six days, each bad in its own way."""
    days = {day: content for day, (content, _) in BAD_DAYS.items()}
    source = deliver(place, days | {GOOD: text(events(GOOD))})
    return run("--date", GOOD, "--source", source, "--root", str(place / "root"), "--json")


@pytest.mark.parametrize("day", BAD_DAYS)
def test_each_bad_day_is_told_of_once(told: subprocess.CompletedProcess[str], day: str) -> None:
    assert told.stderr.count(BAD_DAYS[day][1]) >= 1
    assert len(re.findall(rf"^[0-9T:-]+Z {day} \w+ failed, ", told.stderr, re.MULTILINE)) == 1
    # what waiting cannot mend is not tried again
    assert "attempt 2" not in told.stderr


def test_a_step_that_failed_ends_with_1_and_one_error(told: subprocess.CompletedProcess[str]) -> None:
    assert told.returncode == 1
    assert told.stdout == ""
    assert "Traceback" not in told.stderr
    assert told.stderr.splitlines()[-1].startswith("counterpoint: upstream partition 2026-01-01 failed")


def test_nothing_of_a_bad_day_stands(told: subprocess.CompletedProcess[str], place: Path) -> None:
    assert told.returncode == 1
    # days 5 and 6 can be read; it is their contract that they break
    assert standing(place / "root", "raw_interactions") == ["2026-01-05", "2026-01-06"]
    assert standing(place / "root", "validated_interactions") == []
    assert [path for path in (place / "root").rglob("*") if path.suffix in {".part", ".tmp"}] == []


def test_rejected_rows_are_kept_with_reason_and_origin(told: subprocess.CompletedProcess[str], place: Path) -> None:
    import polars as pl
    from deltalake import DeltaTable

    assert told.returncode == 1
    letters = place / "root" / "dead_letters" / "production" / "streamrec" / "validated_interactions"
    found = pl.DataFrame(DeltaTable(letters).to_pyarrow_table())
    assert found.height == 200 + 80
    assert set(found["column"]) == {"user_id", "event_type"}
    assert found["reason"].str.contains("not null|known type: 'jump'").all()
    assert found.filter(pl.col("origin") == "2026-01-06.csv:2").height == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{there}/nowhere", "does not exist: give a folder or a file of CSV or Parquet"),
        ("{there}/data,profile={there}/none.toml", "give the path of a TOML file"),
        ("{there}/data,profile={there}/profile.toml", "has no date 2026-02-01"),
        ("synthetic:row=3", "row"),
    ],
)
def test_a_wrong_source_is_named_before_anything_starts(tmp_path: Path, source: str, said: str) -> None:
    deliver(tmp_path, {GOOD: text(events(GOOD))})
    root = tmp_path / "root"
    done = run("--date", "2026-02-01", "--source", source.format(there=tmp_path), "--root", str(root))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not root.exists()


def test_a_day_that_a_window_needs_is_missed_before_anything_starts(tmp_path: Path) -> None:
    source = deliver(tmp_path, {f"2026-01-0{n}": text(events(f"2026-01-0{n}")) for n in (1, 2, 3, 5, 6, 7)})
    done = run("--date", GOOD, "--source", source, "--root", str(tmp_path / "root"))
    assert done.returncode == 2
    assert "has no date 2026-01-04" in done.stderr
    assert not (tmp_path / "root").exists()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to, not even by root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.getuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"root writes everywhere, and here nothing can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_root_that_is_read_only(read_only: Path) -> None:
    done = run("--date", GOOD, "--root", str(read_only / "data"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"counterpoint: {read_only}")
    assert "choose another --root" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a root with spaces", "up/../beside", "größer #1?"])
def test_a_root_with_an_odd_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "up").mkdir()
    command = [sys.executable, "-m", "counterpoint", "run", "counterpoint.testing.scenarios:window"]
    done = subprocess.run(
        [*command, "--date", "2026-01-08", "--root", str(tmp_path / name), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "success"
    assert (tmp_path / Path(os.path.normpath(name)) / "catalog").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "up") == [os.path.normpath(name)]


def test_a_root_that_delta_cannot_use_is_refused(tmp_path: Path) -> None:
    done = run("--date", GOOD, "--root", str(tmp_path / "100%25"))
    assert done.returncode == 2
    assert "no table can lie below" in done.stderr
    assert "for the % in it: choose another --root" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_root_fails_the_step_and_publishes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system is needed, and here none can be mounted: {mounted.stderr.strip()}")
    try:
        done = run("--date", GOOD, "--source", "synthetic:rows=3000", "--root", str(folder / "data"))
        # 1 when there was room to record which step failed, else 2
        assert done.returncode in {1, 2}
        assert "No space left on device" in done.stderr
        assert "attempt 2" not in done.stderr
        assert standing(folder / "data", "raw_interactions") == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
