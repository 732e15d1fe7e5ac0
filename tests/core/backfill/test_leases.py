"""Who owns a backfill: one that was killed frees it wherever it ran, one that works keeps it until it is taken over."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import DAYS, Farm

from counterpoint.backfill import drop_version, lease, promote_version
from counterpoint.backfill.lease import claim, free
from counterpoint.backfill.records import manifest_in
from counterpoint.errors import HeldError
from counterpoint.runtime import find_pipeline
from counterpoint.services.processes import Owner
from counterpoint.storage import Store
from counterpoint.storage.layout import backfill_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = Owner("elsewhere", 7, 5.0, "another boot")


def command(farm: Farm, *more: str, pause: float = 0.0, version: str = "v2") -> list[str]:
    words = ["backfill", "farm:harvest", "--from", DAYS[4], "--to", DAYS[6], "--version", version, "--root", farm.root]
    settings = ["--set", f'folder="{farm.place}"', "--set", f"pause={pause}"]
    return [sys.executable, "-m", "counterpoint", *words, *settings, *more]


def isolated(*namespaces: str, name: str) -> list[str]:
    """What runs a command in namespaces of its own, under a host name of its own."""
    start = ["unshare", "--uts", *namespaces]
    tried = subprocess.run([*start, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this machine lets nobody make namespaces: {tried.stderr.strip()}")
    return [*start, "sh", "-c", f'hostname {name}; exec "$@"', "sh"]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def working(farm: Farm, *words: str) -> subprocess.Popen[bytes]:
    """A command that works on a step now."""
    with told(farm).open("wb") as stderr:
        process = subprocess.Popen(words, stderr=stderr)
    end = time.monotonic() + 60
    while not (farm.place / "working").exists():
        assert time.monotonic() < end
        assert process.poll() is None, told(farm).read_text(encoding="utf-8")
        time.sleep(0.05)
    return process


def told(farm: Farm) -> Path:
    """What the working command writes to stderr."""
    return farm.place / "stderr"


def owned_elsewhere(farm: Farm, beat: str) -> Store:
    """The store of a version whose manifest a process of another machine holds."""
    store = farm.store()
    claim(store, farm.asked())
    path = backfill_manifest(store.pipeline.name, "v2")
    told = {**store.get_json(path), "owner": asdict(ELSEWHERE), "token": "theirs", "beat": beat}
    store.put_json(path, told)
    return store


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.1)


def test_one_killed_under_another_host_name_is_known_to_be_dead(farm: Farm) -> None:
    # a container is started again under another name, on the same machine
    process = working(farm, *isolated(name="pod-a"), *command(farm, pause=60.0))
    process.kill()
    process.wait()
    again = run([*isolated(name="pod-b"), *command(farm)])
    assert again.returncode == 0, again.stderr


def test_a_zombie_is_dead(farm: Farm) -> None:
    process = working(farm, *command(farm, pause=60.0))
    process.kill()
    time.sleep(0.2)  # and nobody waits for it
    again = run(command(farm))
    assert again.returncode == 0, again.stderr
    process.wait()


def test_one_killed_on_another_machine_is_named_and_can_be_taken_over(farm: Farm) -> None:
    outside = isolated("--pid", "--fork", "--kill-child", "--mount-proc", name="pod-a")
    process = working(farm, *outside, *command(farm, pause=60.0))
    process.kill()
    process.wait()
    refused = run(command(farm))
    assert refused.returncode == 2
    said = refused.stderr.splitlines()[-1]
    assert "backfill v2 works on 2026-01-05 to 2026-01-07: process" in said
    assert all(words in said for words in ("on pod-a", "since 2", "last heartbeat was at 2", "--take-over"))
    retry = ["retry", "farm:harvest", "--backfill", "v2", "--root", farm.root]
    assert run([sys.executable, "-m", "counterpoint", *retry]).returncode == 2
    taken = run(command(farm, "--take-over"))
    assert taken.returncode == 0, taken.stderr


def test_one_that_works_is_taken_over_and_stops(farm: Farm) -> None:
    process = working(farm, *command(farm, pause=600.0))
    assert run(command(farm, version="v3")).returncode == 2  # the same days
    begun = time.monotonic()
    taken = run(command(farm, "--take-over"))
    assert taken.returncode == 0, taken.stderr
    assert process.wait(20) == 2
    assert time.monotonic() - begun < 60
    assert "backfill v2 was taken over by process" in told(farm).read_text(encoding="utf-8")
    assert manifest_in(farm.store(), "v2")["status"] == "success"


def test_what_was_taken_over_by_another_version_is_interrupted(farm: Farm, quick: None) -> None:
    store = owned_elsewhere(farm, lease._now())
    with pytest.raises(HeldError, match="process 7 on elsewhere owns it"):
        claim(store, farm.asked(version="v3"))
    with claim(store, farm.asked(version="v3"), take_over=True):
        assert manifest_in(store, "v2")["status"] == "interrupted"


def test_the_same_version_is_refused_for_other_days_too(farm: Farm) -> None:
    claim(farm.store(), farm.asked(DAYS[4], DAYS[5]))
    with pytest.raises(HeldError, match="backfill v2 works on 2026-01-05 to 2026-01-06"):
        claim(farm.store(), farm.asked(DAYS[8], DAYS[9]))


@pytest.mark.parametrize("beat", ["2020-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"])
def test_a_silent_owner_elsewhere_is_listened_for_and_then_gone(farm: Farm, quick: None, beat: str) -> None:
    store = owned_elsewhere(farm, beat)
    with claim(store, farm.asked()) as mine:
        assert manifest_in(store, "v2")["token"] == mine.token


def test_an_owner_whose_clock_is_wrong_is_heard(farm: Farm, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store = owned_elsewhere(farm, "2020-01-01T00:00:00+00:00")
    moments = iter(range(100))
    path = backfill_manifest(store.pipeline.name, "v2")

    def beats(_: float) -> None:
        store.put_json(path, {**store.get_json(path), "beat": f"2020-01-01T00:{next(moments):02}:30+00:00"})

    monkeypatch.setattr(lease.time, "sleep", beats)
    with pytest.raises(HeldError, match="process 7 on elsewhere"):
        claim(store, farm.asked())


def test_dropping_and_promoting_obey_the_lease(farm: Farm, quick: None) -> None:
    farm.backfill()
    owned_elsewhere(farm, lease._now())
    for promote_or_drop in (drop_version, promote_version):
        with pytest.raises(HeldError, match="--take-over"):
            promote_or_drop("farm:harvest", "v2", farm.root)
    assert drop_version("farm:harvest", "v2", farm.root, take_over=True) == {"dropped": "v2", "outputs": 34}
    assert farm.read("sums") == {}
    assert farm.backfill()["status"] == "success"  # the tag is free again


def former_owner(store: Store, asked: Any) -> Iterator[None]:
    mine = claim(store, asked)
    yield
    with pytest.raises(HeldError, match="was taken over by process"):
        mine.release({"status": "success", "partitions": [], "upstream": []})


def test_a_former_owner_records_nothing(farm: Farm, quick: None) -> None:
    _a_former_owner_records_nothing(farm.store(), farm.asked())


def test_a_former_owner_records_nothing_in_a_bucket(farm: Farm, quick: None, bucket: str) -> None:
    pipeline = find_pipeline("farm:harvest").configured({"folder": str(farm.place)})
    _a_former_owner_records_nothing(Store(bucket, pipeline, "v2"), farm.asked())


def _a_former_owner_records_nothing(store: Store, asked: Any) -> None:
    former = former_owner(store, asked)
    next(former)
    with pytest.raises(HeldError):
        claim(store, asked)
    with claim(store, asked, take_over=True) as mine:
        assert list(former) == []
        time.sleep(0.5)  # it is renewed meanwhile
        mine.refuse_lost()
    mine.release({"status": "success", "partitions": [], "upstream": []})
    assert manifest_in(store, "v2")["token"] == mine.token
    free(store, lambda version, _: version == "v2")


def test_who_lost_its_lease_is_interrupted(farm: Farm, quick: None) -> None:
    store = farm.store()
    mine = claim(store, farm.asked())

    def work() -> None:
        with mine:
            lease._interrupt(store, "v2", mine.token)
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        work()
    with pytest.raises(HeldError):
        mine.refuse_lost()


def test_a_name_is_no_machine() -> None:
    here = Owner.here()
    assert (here.is_known, here.lives) == (True, True)
    elsewhere = replace(here, machine="another boot", pid=1)
    assert (elsewhere.is_known, elsewhere.lives) == (False, True)
    assert not replace(here, started=here.started - 1).lives
    assert replace(here, host="renamed").lives


def test_one_that_was_stopped_and_continued_after_a_take_over_stops(farm: Farm) -> None:
    process = working(farm, *command(farm, pause=3.0))
    process.send_signal(signal.SIGSTOP)
    taken = run(command(farm, "--take-over"))
    assert taken.returncode == 0, taken.stderr
    manifest = (Path(farm.root) / "backfills" / "harvest" / "v2.json").read_bytes()
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 2
    assert (Path(farm.root) / "backfills" / "harvest" / "v2.json").read_bytes() == manifest
    assert json.loads(manifest)["status"] == "success"
