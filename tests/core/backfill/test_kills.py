"""A backfill that is killed again and again: each start goes on from what stands, and nobody ever reads half."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from conftest import DAYS, Farm

if TYPE_CHECKING:
    from pathlib import Path

POINTS = 50
MOST_SECONDS = 1.5


def command(farm: Farm) -> list[str]:
    words = ["backfill", "farm:harvest", "--from", DAYS[4], "--to", DAYS[9], "--version", "v2", "--root", farm.root]
    return [sys.executable, "-m", "counterpoint", *words, "--max-parallel", "3", "--set", f'folder="{farm.place}"']


def outputs(farm: Farm) -> dict[tuple[str, str], tuple[str, object]]:
    """Every output that a reader of the version finds, with its digest; each is read to its end."""
    store = farm.store()
    found = {}
    for step in store.pipeline.step_names:
        for key, entry in store.entries(step).items():
            found[step, key] = (entry.reference.digest, store.read(entry.reference))
    return found


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[tuple[str, str], tuple[str, object]]:
    (tmp_path / "undisturbed").mkdir()
    farm = Farm(tmp_path / "undisturbed")
    assert farm.backfill()["status"] == "success"
    return outputs(farm)


def killed(farm: Farm, after: float) -> bool:
    """Starts the backfill and kills it after some seconds; false when it was done before."""
    process = subprocess.Popen(command(farm), stderr=subprocess.DEVNULL)
    try:
        assert process.wait(after) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def test_killed_at_random_it_ends_as_if_undisturbed(
    tmp_path: Path, undisturbed: dict[tuple[str, str], tuple[str, object]]
) -> None:
    rng = random.Random(7)  # noqa: S311 - moments, no secrets
    kills = passes = 0
    while kills < POINTS:
        place = tmp_path / f"pass-{passes}"
        place.mkdir()
        farm = Farm(place)
        while killed(farm, rng.uniform(0.2, MOST_SECONDS)):
            kills += 1
            # whatever stands is whole, and what it will be in the end
            assert outputs(farm).items() <= undisturbed.items()
            assert farm.read("raw", "production") == {}
            if kills >= POINTS:
                assert subprocess.run(command(farm), stderr=subprocess.DEVNULL, check=False).returncode == 0
                break
        assert outputs(farm) == undisturbed
        passes += 1


def test_of_two_starts_at_once_one_is_refused_or_both_end_alike(
    farm: Farm, undisturbed: dict[tuple[str, str], tuple[str, object]]
) -> None:
    def start(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(farm), capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as both:
        ended = list(both.map(start, range(2)))
    assert {one.returncode for one in ended} <= {0, 2}
    assert all("backfill v2 works on" in one.stderr for one in ended if one.returncode == 2)
    if all(one.returncode for one in ended):  # each saw the other
        assert start(0).returncode == 0
    assert outputs(farm) == undisturbed
