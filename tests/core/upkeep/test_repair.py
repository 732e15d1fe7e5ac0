"""A damaged file of a root is one clear error that names it, and `doctor --repair` gives back what is whole."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from mill import DAY

from counterpoint.errors import DamagedFileError, HeldError
from counterpoint.model import Materialization
from counterpoint.services.processes import Owner
from counterpoint.storage.objects import Objects
from counterpoint.storage.shapes import KINDS, fits, problem
from counterpoint.upkeep import repair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Root

WAYS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "list": lambda _: b"[]",
    "null": lambda _: b"null",
    "object": lambda _: b"{}",
    "other": lambda _: b'{"x": 1}',
    "deep": lambda _: b"[" * 100_000,
    "nested": lambda _: b'{"a":' * 400 + b"1" + b"}" * 400,
    "binary": lambda _: b"\xff\xfe\x00",
}
CATALOG = "catalog/production/mill/{step}/2026-01-03.json"


def files_of(place: Path) -> list[str]:
    """The small files of a root that are ours."""
    paths = [str(path.relative_to(place)) for path in place.rglob("*.json")]
    return sorted(path for path in paths if path.split("/")[0] not in {"tables", "artifacts", "damaged"})


def test_what_a_root_holds_has_the_shape_of_its_kind(whole: Path) -> None:
    found = {path: json.loads((whole / path).read_bytes()) for path in files_of(whole)}
    assert {path: wrong for path, value in found.items() if (wrong := problem(path, value))} == {}
    rooms = {"catalog", "begun", "runs", "backfills", "versions"}
    assert rooms <= {path.split("/")[0] for path in found}


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_file_is_read_in_one_place(tmp_path: Path, way: str) -> None:
    objects = Objects(str(tmp_path))
    paths = ["catalog/v1/p/s/2026-01-01.json", "catalog/production/p/.promotion.json", "begun/p/d/s.json"]
    paths += [f"runs/p/r/{name}.json" for name in ("run", "request", "s", "s.0", "s.failures", "s.waiting")]
    paths += ["backfills/p/v1.json", "backfills/p/v1/2026-01-01.json", "versions/p/v1.json", "owners/p.json"]
    paths += ["natives/n.json", "alerts/a.json", "breakers/p/s.json", "services/dagster/site.json"]
    for path in paths:
        objects.put(path, WAYS[way](b'{"a": 1}'))
        with pytest.raises(DamagedFileError, match=f"{path} is damaged .*counterpoint doctor --repair --root"):
            objects.get_json(path)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_damaged_is_told_and_repaired(whole: Path, root: Root, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - which file
    wanted = root.digests()
    step, run = rng.choice(sorted(wanted)), root.run_id
    kinds = [CATALOG.format(step=step), f"begun/mill/{DAY}/{step}.json", "catalog/production/mill/.promotion.json"]
    kinds += [f"runs/mill/{run}/{name}.json" for name in ("run", "request", step)]
    kinds += ["backfills/mill/v2.json", f"backfills/mill/v2/{DAY}.json", "versions/mill/v2.json"]
    for path in rng.sample(kinds, 4):
        file = root.place / path
        file.write_bytes(WAYS[rng.choice(sorted(WAYS))](file.read_bytes()))
    for words in (["status", "mill:mill"], ["status", "mill:mill", "--version", "v2"], ["why", run]):
        told = root(*words)
        assert told.code in {0, 1, 2}, (words, told.err)
        assert told.code != 2 or str(root.place) in told.err or "no backfill" in told.err, told.err
    told = root("retry", "mill:mill", "--run", run, "--json")
    assert told.code in {0, 2}, told.err
    repaired = root("doctor", "--repair", "--json")
    assert repaired.code == 0, repaired.err
    assert repair(str(root.place)) == [] or all("not found again" in act.done for act in repair(str(root.place)))
    assert root.digests() == wanted
    assert root("status", "mill:mill").code == 0


def test_an_entry_is_found_again_by_the_record_of_its_run(root: Root) -> None:
    wanted = root.digests()
    file = root.place / CATALOG.format(step="flour")
    before = Materialization.from_dict({k: v for k, v in json.loads(file.read_bytes()).items() if k != "stamp"})
    file.write_bytes(b"{}")
    told = root.run()
    assert told.code == 2
    assert f"{file} is damaged" in told.err
    moved, found = root("doctor", "--repair", "--json").document
    assert (root.place / "damaged" / CATALOG.format(step="flour")).read_bytes() == b"{}"
    assert "moved to damaged/" in moved["done"]
    assert "its digest is that of the record" in found["done"]
    after = json.loads(file.read_bytes())["reference"]
    assert (after["digest"], after["rows"]) == (before.reference.digest, before.reference.rows)
    # what was found again is read by whoever reads, and is not taken for fresh: the last run of the step failed
    grid = root("status", "mill:mill", "--json").document
    states = {row["date"]: row["steps"] for row in grid["partitions"]}[DAY]
    assert (states["grain"], states["flour"]) == ("fresh", "failed")
    assert root.digests() == wanted
    assert root("doctor", "--repair").out == "no damaged files\n"


def test_an_output_that_is_not_the_recorded_one_is_not_found_again(root: Root) -> None:
    wanted = root.digests()
    (root.place / CATALOG.format(step="weight")).write_bytes(b"")
    for value in (root.place / "artifacts").rglob("value.json"):
        value.write_text('{"sacks": 1.0}', encoding="utf-8")
    acts = root("doctor", "--repair", "--json").document
    assert [act["done"][:15] for act in acts] == ["moved to damage", "not found again"]
    assert root.digests() == wanted


def test_damaged_twice_both_are_kept(root: Root) -> None:
    file = root.place / f"begun/mill/{DAY}/grain.json"
    for data in (b"1", b"2"):
        file.write_bytes(data)
        assert root("doctor", "--repair").code == 0
    aside = root.place / "damaged" / "begun" / "mill" / DAY
    assert {path.read_bytes() for path in aside.iterdir()} == {b"1", b"2"}


def test_nothing_is_repaired_while_something_runs(root: Root) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        from counterpoint.services import processes

        owner = {**asdict(Owner.here()), "pid": process.pid, "started": processes._started(process.pid)}
        request = root.place / "runs" / "mill" / root.run_id / "request.json"
        told = json.loads(request.read_bytes())
        request.write_text(json.dumps({**told, "owner": owner}), encoding="utf-8")
        (request.parent / "run.json").rename(request.parent / "aside")
        with pytest.raises(HeldError, match=f"process {process.pid} on .* runs runs/mill/"):
            repair(str(root.place))
        process.communicate(b"\n")
    assert repair(str(root.place)) == []


@pytest.mark.parametrize("name", ["production/mill/flour/2026-01-02", "v2/mill/grain/2026-01-03"])
def test_the_file_of_another_is_damage(whole: Path, name: str) -> None:
    other = json.loads((whole / CATALOG.format(step="flour")).read_bytes())
    assert str(problem(f"catalog/{name}.json", other)).startswith("it is of another")


def test_shapes() -> None:
    assert fits(1, float)
    assert not any(fits(value, kind) for value in (True, False) for kind in (float, int))
    assert fits({"a": 1}, {"a": int, "b?": str})
    assert not fits({"a": 1, "b": 2}, {"a": int, "b?": str})
    assert not fits({}, {"a": int})
    assert fits([[1]], (None, [[int]]))
    assert len(KINDS) > 15
