"""The judge of the bench of kills notices what it is there for, on a root that a command has made."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.storage import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = str(Path(__file__).parents[3] / "benchmarks")
DAY = "2020-02-03"


@pytest.fixture(scope="module")
def kills() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        patch.setenv("PYTHONPATH", HERE)  # what the bench adds to it is taken back
        yield import_module("kills")
        for name in ("kills", "killed_steps"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def root(kills: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("root"))
    kills.must(kills.Side("local", root).command(kills.Task("run", "2020-02-01"), root))
    return root


@pytest.fixture
def wanted(kills: Any, root: str) -> dict[tuple[str, str], str]:
    wrong: list[str] = []
    found: dict[tuple[str, str], str] = kills.outputs(Store(root, kills.pipeline), wrong)
    assert (len(found), wrong) == (5, [])
    return found


def judged(kills: Any, root: str, what: str, wanted: dict[tuple[str, str], str]) -> str:
    return "\n".join(kills.judged(root, kills.Task(what, "2020-02-01"), wanted, is_over=True))


def test_what_is_as_undisturbed_holds(kills: Any, root: str, wanted: dict[tuple[str, str], str]) -> None:
    assert judged(kills, root, "run", wanted) == ""


def test_another_digest_is_noticed(kills: Any, root: str, wanted: dict[tuple[str, str], str]) -> None:
    told = judged(kills, root, "run", {**wanted, ("sums", DAY): "sha256:0"})
    assert told == f"production: ('sums', '{DAY}') has {wanted['sums', DAY]}, not sha256:0"


def test_what_is_missing_or_too_much_is_noticed(kills: Any, root: str, wanted: dict[tuple[str, str], str]) -> None:
    less = {at: digest for at, digest in wanted.items() if at[0] != "told"}
    assert f"('told', '{DAY}') has" in judged(kills, root, "run", less)
    more = {**wanted, ("told", "2020-02-02"): "sha256:0"}
    assert judged(kills, root, "run", more) == "production: ('told', '2020-02-02') is missing"


def test_a_partial_promotion_is_noticed(kills: Any, root: str, wanted: dict[tuple[str, str], str]) -> None:
    told = judged(kills, root, "promote", {**wanted, ("sums", "2020-02-02"): "sha256:0"})
    assert "production holds a part" in told
    assert f"the table of sums in production holds ['{DAY}'] of ['2020-02-02', '{DAY}']" in told


def test_what_a_backfill_leaves_in_production_is_noticed(kills: Any, root: str) -> None:
    assert "production holds something of a backfill" in judged(kills, root, "backfill", {})


def test_other_content_under_the_same_digest_is_noticed(
    kills: Any, root: str, wanted: dict[tuple[str, str], str]
) -> None:
    (file,) = (path for path in Path(root, "artifacts").rglob("*") if path.is_file())
    before = file.read_bytes()
    file.write_bytes(b'{"days": 3, "numbers": [0]}')
    try:
        assert "production: told of " + DAY in judged(kills, root, "run", wanted)
    finally:
        file.write_bytes(before)
