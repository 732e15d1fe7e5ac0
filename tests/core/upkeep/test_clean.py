"""`doctor --clean` removes of old runs what nothing needs; all that is asked of what stands is answered as before."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from press import DAYS, press
from pressing import documents, explained, needed_by_entries, run, stands

from counterpoint.cli.main import main
from counterpoint.deadletters.dead_letter_store import keep
from counterpoint.errors import DefinitionError, UsageError
from counterpoint.model import Pipeline, RunRequest
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime.request_store import note_native
from counterpoint.storage import Store
from counterpoint.storage.layout import PACK
from counterpoint.storage.layout import run_request as request_path
from counterpoint.storage.objects import Objects
from counterpoint.storage.versions import drop, promote, versions
from counterpoint.upkeep import clean, referring
from counterpoint.upkeep.surveying import run_at

if TYPE_CHECKING:
    from conftest import Root

LIMIT = timedelta(days=90)
DAY = DAYS[0]


def swept(root: str, cut: datetime | None = None, **more: Any) -> Any:
    """Cleans as if all before `cut`, by default all that there is, had ended just longer ago than the limit."""
    (told,) = clean(root, {"press": LIMIT}, now=(cut or datetime.now(UTC)) + LIMIT, **more)
    return told


def files(root: str) -> Counter[str]:
    """The files below a root, by their rooms."""
    objects = Objects(root)
    rooms = ("runs", "natives", "begun", "catalog", "artifacts", "tables", "effects", "alerts")
    return Counter({room: len(objects.sizes_apart(room)) for room in rooms})


ACTS = st.one_of(
    st.tuples(st.sampled_from(["run", "force", "fail", "lost"]), st.sampled_from(DAYS), st.integers(0, 2)),
    st.tuples(st.just("version"), st.sampled_from(DAYS), st.integers(1, 2)),
    st.tuples(st.sampled_from(["promote", "drop"]), st.just(DAY), st.integers(1, 2)),
)


def act(root: str, number: int, what: str, day: str, turn: int) -> None:
    run_id, config = f"press-{day}-local-{number}", {"turn": turn}
    if what == "version":
        if all(info.status == "open" for info in versions(Store(root, press)) if info.tag == f"v{turn}"):
            run(root, run_id, day, version=f"v{turn}", config=config)
    elif what in {"promote", "drop"}:
        store = Store(root, press, f"v{turn}")
        if any(info.tag == store.version and info.status == "open" for info in versions(store)):
            (promote if what == "promote" else drop)(store)
    elif what == "fail":
        run(root, run_id, day, config={**config, "broken": True})
    else:
        run(root, run_id, day, config=config, force=what == "force", ends=what != "lost")


@given(st.lists(ACTS, min_size=2, max_size=7), st.integers(0, 7))
@settings(max_examples=10)
def test_what_stands_is_as_before(acts: list[tuple[str, str, int]], young: int) -> None:
    with TemporaryDirectory() as folder:
        root, cut = f"{folder}/data", datetime.now(UTC)
        for number, one in enumerate(acts):
            cut = datetime.now(UTC) if number == young else cut
            act(root, number, *one)
        cut = datetime.now(UTC) if young >= len(acts) else cut
        objects = Objects(root)
        before, answers, reasons = documents(objects), stands(root), explained(objects)
        late = {name for name in before if _last(objects, name) >= cut}
        unended = {name for name, found in before.items() if "run.json" not in found}
        planned = swept(root, cut, dry_run=True)
        assert documents(objects) == before
        count = files(root).total()
        told = swept(root, cut)
        assert told == planned
        after = documents(objects)
        assert after == {name: found for name, found in before.items() if name in after}
        assert stands(root) == answers
        assert explained(objects) == {name: found for name, found in reasons.items() if name in after}
        alerted = {case["alert"]["run_id"] for case in answers["alerts"]}
        assert alerted <= after.keys()
        assert late | unended | needed_by_entries(root) <= after.keys()
        assert len(after) == told.kept == len(before) - told.removed
        assert files(root).total() == count - told.files
        known = {told["run_id"] for path in objects.list("natives") if (told := objects.get_json(path))}
        assert known <= after.keys()
        assert swept(root, cut).files == 0


def _last(objects: Objects, run_id: str) -> datetime:
    return run_at(objects, "press", run_id, frozenset()).last or datetime.max.replace(tzinfo=UTC)


def again_and_again(root: str) -> None:
    """Three runs of a day, of which one stands; another that failed, with an alert, before one of its day stood."""
    for number in range(3):
        run(root, f"press-{DAY}-local-{number}", DAY, config={"turn": number})
    run(root, f"press-{DAYS[1]}-local-4", DAYS[1], config={"broken": True})
    run(root, f"press-{DAYS[1]}-local-5", DAYS[1])


@pytest.fixture
def used(tmp_path: Path) -> str:
    again_and_again(str(tmp_path / "used"))
    return str(tmp_path / "used")


def _checked(root: str, before: dict[str, Any], answers: dict[str, Any]) -> None:
    after = documents(Objects(root))
    assert after == {name: found for name, found in before.items() if name in after}
    assert stands(root) == answers


def test_killed_at_any_moment_every_run_is_whole_or_gone(
    used: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, answers = documents(Objects(used)), stands(used)
    copy = str(tmp_path / "copy")
    shutil.copytree(used, copy)
    told = swept(used)
    assert (told.removed, told.packed) == (2, 3)
    wanted, kills = (files(used), Objects(used).folders("runs/press")), 0
    after = documents(Objects(used))
    while True:
        shutil.rmtree(used)
        shutil.copytree(copy, used)
        with monkeypatch.context() as patch:
            left = [kills]
            for name in ("put", "delete", "delete_empty"):
                patch.setattr(Objects, name, _dying(getattr(Objects, name), left))
            try:
                swept(used)
            except KeyboardInterrupt:
                kills += 1
            else:
                break
        left_over = documents(Objects(used))
        assert left_over == {name: found for name, found in before.items() if name in left_over}
        if kills % 8 == 0:
            assert stands(used) == answers
        swept(used)
        assert documents(Objects(used)) == after
        assert (files(used), Objects(used).folders("runs/press")) == wanted
    assert kills > 30


def _dying(works: Any, left: list[int]) -> Any:
    def dies(*args: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return works(*args)

    return dies


def test_the_same_in_a_bucket(bucket: str) -> None:
    again_and_again(bucket)
    before, answers = documents(Objects(bucket)), stands(bucket)
    count = files(bucket)
    told = swept(bucket)
    assert (told.removed, told.packed) == (2, 3)
    assert count.total() - files(bucket).total() == told.files
    assert {room: number for room, number in count.items() if room not in {"runs", "natives", "begun"}} == {
        room: number for room, number in files(bucket).items() if room not in {"runs", "natives", "begun"}
    }
    _checked(bucket, before, answers)
    # what is changed of a packed run lies by itself again, and is read
    objects, run_id = Objects(bucket), f"press-{DAY}-local-2"
    request = objects.get_json(request_path("press", run_id))
    again = run_request(bucket, run_id)
    note_native(objects, "press", again, "another")
    changed = objects.get_json(request_path("press", run_id))
    assert changed["native"].keys() == {*request["native"], "another"}
    swept(bucket)
    assert objects.get_json(request_path("press", run_id)) == changed


def run_request(root: str, run_id: str) -> RunRequest:
    return replace(RunRequest.from_json(Objects(root).get_json(request_path("press", run_id))["request"]), root=root)


def test_who_writes_to_an_old_run_loses_nothing(used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects, name = Objects(used), f"runs/press/press-{DAY}-local-0/olives.json"
    put = Objects.put

    def put_late(self: Objects, path: str, data: bytes) -> None:
        put(self, path, data)
        if path.endswith(f"local-0/{PACK}"):
            put(self, name, data_late)

    data_late = json.dumps({"name": "olives", "status": "failed"}).encode()
    monkeypatch.setattr(Objects, "put", put_late)
    swept(used)
    assert objects.get_json(name) == {"name": "olives", "status": "failed"}
    assert objects.exists(f"runs/press/press-{DAY}-local-0/run.json")


def test_what_is_referred_to_stays(used: str, tmp_path: Path) -> None:
    objects = Objects(used)
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps({"left": {"runs": [{"run_id": f"press-{DAY}-local-0"}]}}), encoding="utf-8")
    objects.put_json("ledger/press/a-b/2026-01-01/one.json", {"verdict": str(verdict), "date": DAY})
    cut = datetime.now(UTC)
    run(used, "press-again", DAY, config={"turn": 2}, origin=f"press-{DAY}-local-1")
    assert swept(used, cut).removed == 0
    verdict.unlink()
    assert swept(used, cut).removed == 1
    assert not objects.exists(f"runs/press/press-{DAY}-local-0/run.json")
    rejected = pl.DataFrame({"reason": ["odd"], "crate": [1]})
    keep(Store(used, press), press.step("olives"), DAY, rejected, "press-again")
    assert swept(used).removed == 0  # the retry rejected a row, and what it retried it names
    keep(Store(used, press), press.step("olives"), DAY, rejected.clear(), "press-again")
    assert swept(used).removed == 2


def test_models_keep_the_run_that_registered_them(used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Objects(used)
    monkeypatch.setattr(referring, "runs_of_models", lambda _: {f"press-{DAY}-local-0"})
    assert swept(used).removed == 1
    assert objects.exists(f"runs/press/press-{DAY}-local-0/run.json")


def test_a_bucket_whose_registry_is_elsewhere_is_not_cleaned(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(bucket, "press-one", DAY)
    assert swept(bucket).packed == 1
    Objects(bucket).put("mlflow/artifacts/1/model.json", b"{}")
    with pytest.raises(UsageError, match="MLFLOW_TRACKING_URI"):
        swept(bucket)


def test_a_damaged_file_is_repaired_first(used: str, capsys: pytest.CaptureFixture[str]) -> None:
    count = files(used)
    for path in ("catalog/production/press/oil/2026-01-01.json", f"runs/press/press-{DAY}-local-0/run.json"):
        file = Path(used, path)
        whole = file.read_bytes()
        file.write_bytes(whole[:20])
        assert main(["doctor", "--clean", "--older-than", "1h", "--root", used]) == 2
        assert f"{path} is damaged" in capsys.readouterr().err
        file.write_bytes(whole)
    assert files(used) == count


def test_a_damaged_pack_is_repaired(used: str) -> None:
    swept(used)
    pack = Path(used, f"runs/press/press-{DAY}-local-2/{PACK}")
    whole = pack.read_bytes()
    for wrong in (b"", whole[:50], whole.replace(b'"press-2026-01-01-local-2"', b'"other"')):
        pack.write_bytes(wrong)
        assert main(["why", f"press-{DAY}-local-2", "--root", used]) == 2
        assert main(["doctor", "--repair", "--root", used]) == 0
        assert not pack.exists()
        assert main(["status", "press:press", "--root", used]) == 0


def test_the_command(used: str, root: Root, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["doctor", *words, "--root", used])
        return code, *capsys.readouterr()

    code, out, _ = told("--clean", "--dry-run", "--json")  # the pipeline says how long
    document = json.loads(out)
    assert (code, document["dry_run"], document["pipelines"][0]["kept"]) == (0, True, 5)
    assert told("--clean", "--older-than", "12h")[0] == 0
    for wrong in (["--older-than", "soon"], ["--older-than", "5s"], ["--older-than", "9" * 20 + "d"]):
        code, _, err = told("--clean", *wrong)
        assert (code, "--older-than" in err) == (2, True)
    for wrong in (["--dry-run"], ["--older-than", "90d"], ["--clean", "--repair"]):
        assert told(*wrong)[0] == 2
    unsaid = root("doctor", "--clean")
    assert unsaid.code == 2
    assert "--older-than 90d" in unsaid.err
    assert "retain" in unsaid.err


def test_a_backfill_and_its_promotion_answer_as_before(root: Root) -> None:
    questions = [("status", "mill:mill"), ("status", "mill:mill", "--version", "v2"), ("lineage", root.run_id)]
    before = [root(*words, "--json").document for words in questions]
    (told,) = clean(str(root.place), {"mill": LIMIT}, now=datetime.now(UTC) + 2 * LIMIT)
    assert told.packed
    assert [root(*words, "--json").document for words in questions] == before
    assert root("retry", "mill:mill", "--run", root.run_id).code == 0
    assert root("retry", "mill:mill", "--backfill", "v2").code == 0


def test_retain_is_said_by_the_pipeline() -> None:
    assert pipeline_from(to_values(press)) == press
    for wrong in ("soon", "1s", ""):
        with pytest.raises(DefinitionError, match="pipeline press: retain"):
            Pipeline("press", press.steps, config=press.config, retain=wrong)
