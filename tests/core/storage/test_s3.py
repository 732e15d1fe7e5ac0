"""The same store on S3: a server of moto stands in for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from shelves import DAY, METRICS, MODEL, SETTINGS, entry, model, newest, numbers, save, shelf

from counterpoint.errors import StorageError, UsageError
from counterpoint.storage import content_digest, model_digest
from counterpoint.storage.versions import Promotion, VersionInfo, VersionStatus, drop, promote, versions

if TYPE_CHECKING:
    from counterpoint.storage import Store

NEXT = "2026-01-04"


@pytest.fixture
def far(bucket: str) -> Store:
    return shelf(bucket)


def test_tables_are_replaced_by_partition_and_read_as_they_were(far: Store) -> None:
    old, other = save(far, numbers(1, 5)), save(far, numbers(2, 3), NEXT)
    new = save(far, numbers(3, 2))
    assert [far.read(made)["x"].to_list() for made in (old, other, new)] == [[1] * 5, [2] * 3, [3] * 2]
    assert newest(far)["x"].to_list() == [3, 3]
    assert new.uri == f"{far.root}/tables/production/shelf/rows"
    assert new.digest == content_digest(numbers(3, 2))


def test_digests_are_those_of_a_local_root(far: Store, store: Store) -> None:
    there, here = (save(each, numbers(1, 5)) for each in (far, store))
    assert (there.digest, there.rows) == (here.digest, here.rows)


def test_models_and_metrics_come_back(far: Store) -> None:
    trained = far.write(MODEL, DAY, model(7), SETTINGS)
    measured = far.write(METRICS, DAY, {"loss": 0.5}, SETTINGS)
    assert model_digest(far.read(trained)) == model_digest(model(7)) == trained.digest
    assert far.read(measured) == {"loss": 0.5}
    assert len(far.list("artifacts")) == 3


def test_the_catalogue_says_what_stands(far: Store) -> None:
    assert (far.entry("metrics", DAY), far.entries("metrics")) == (None, {})
    for number in (1, 2):
        far.publish(entry(far.write(METRICS, DAY, {"n": number}, SETTINGS)))
    standing = far.entries("metrics")
    assert list(standing) == [DAY]
    assert far.read(standing[DAY].reference) == {"n": 2}


def test_partial_results(far: Store) -> None:
    made = save(far, numbers(4))
    code = "sha256:" + "c" * 64
    assert [far.partial(made, "shelves:doubled", code)["x"].to_list() for _ in range(2)] == [[8], [8]]


def test_writers_at_once_lose_nothing(far: Store) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: save(far, numbers(n), days[n]), range(4)))
    assert [newest(far, day)["x"].to_list() for day in days] == [[0], [1], [2], [3]]


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    absent = shelf(bucket.replace("bucket", "absent", 1))
    with pytest.raises(StorageError, match=r"^s3://absent/.*/value\.json cannot be read or written: "):
        absent.write(METRICS, DAY, {}, SETTINGS)
    with pytest.raises(StorageError, match=r"^s3://absent/.*/rows cannot be read or written: "):
        save(absent, numbers(1))


def test_a_swap_hits_what_was_found_only(far: Store) -> None:
    assert far.compare_and_swap("a.json", b"1", None)
    found = far.find("a.json")
    assert not far.compare_and_swap("a.json", b"2", None)
    assert far.compare_and_swap("a.json", b"3", found)
    assert not far.compare_and_swap("a.json", b"4", found)
    # its answer was lost, and the library tried again
    assert far.compare_and_swap("a.json", b"3", found)
    assert far.get("a.json") == b"3"
    far.delete("a.json")
    far.delete("a.json")
    assert not far.compare_and_swap("a.json", b"5", found)


def test_a_version_is_promoted(far: Store) -> None:
    trial = shelf(far.root, "trial")
    for each, number in ((far, 1), (trial, 2)):
        each.publish(entry(save(each, numbers(number))))
    trial.publish(entry(trial.write(METRICS, NEXT, {"n": 2}, SETTINGS)))
    assert promote(trial) == Promotion("trial", 2, 1, 0)
    assert [far.read(far.entries(step)[day].reference) for step, day in (("metrics", NEXT),)] == [{"n": 2}]
    assert far.read(far.entries("rows")[DAY].reference)["x"].to_list() == [2]
    assert versions(far) == [VersionInfo("trial", VersionStatus.PROMOTED, 2, DAY, NEXT)]
    with pytest.raises(UsageError, match="was promoted"):
        drop(trial)


def test_a_version_is_dropped(far: Store) -> None:
    trial = shelf(far.root, "trial")
    for each in (far, trial):
        each.publish(entry(save(each, numbers(1))))
    assert (drop(trial), trial.list("tables/trial"), versions(far)) == (1, [], [])
    assert far.read(far.entries("rows")[DAY].reference)["x"].to_list() == [1]


def test_readers_publishers_and_promoters_at_once(far: Store) -> None:
    days = [f"2026-01-{day:02}" for day in range(1, 13)]
    stood = entry(far.write(METRICS, DAY, {"n": 0}, SETTINGS))

    def stands(each: Store, name: str, day: str) -> None:
        each.publish(replace(stood, fingerprint=name, reference=replace(stood.reference, partition=day)))

    for tag in ("v1", "v2"):
        for day in days:
            stands(shelf(far.root, tag), tag, day)
    with ThreadPoolExecutor(4) as pool:
        promoted = [pool.submit(promote, shelf(far.root, tag)) for tag in ("v1", "v2")]
        published = pool.submit(stands, far, "late", "2026-02-01")
        seen = [{found.fingerprint for found in far.entries("metrics").values()} - {"late"} for _ in range(10)]
        assert {each.result().entries for each in promoted} == {12}
        published.result()
    assert {len(names) for names in seen} <= {0, 1}
    standing = {day: found.fingerprint for day, found in far.entries("metrics").items()}
    assert standing.pop("2026-02-01") == "late"
    assert len(set(standing.values())) == 1
