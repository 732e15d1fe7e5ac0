"""Smoke tests: the sample is the same on each machine and nested; all steps run, nothing outside is touched."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.contracts.scale import least_rows, most_rows, on_sample
from counterpoint.errors import DefinitionError
from counterpoint.model import Pipeline, RunRequest, Sample, Smoke, step
from counterpoint.model.configuration import Configuration
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime import context_of, find_pipeline
from counterpoint.runtime.execute import execute
from counterpoint.runtime.sampling import sampled
from counterpoint.services.smoke import smoke as smoke_test

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/smoke.schema.json").read_text(encoding="utf-8"))
HERE = str(Path(__file__).parent)
ROWS = st.lists(
    st.tuples(st.one_of(st.none(), st.sampled_from("abcdefgh")), st.integers(0, 50), st.floats(allow_nan=True)),
    max_size=60,
)
SHARES = st.floats(0.001, 1)
# what was drawn when the rule was made
KEYS = ["u107", "u155", "u267"]
BY_ROW = ["u349", "u471", "u679", "u682", "u766"]


def frame_of(rows: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"key": pl.String, "n": pl.Int64, "x": pl.Float64}, orient="row")


@given(
    rows=ROWS, shares=st.tuples(SHARES, SHARES), key=st.sampled_from([None, "key", "absent"]), seed=st.integers(0, 9)
)
def test_a_smaller_sample_is_part_of_a_larger_one(
    rows: list[Any], shares: tuple[float, float], key: str | None, seed: int
) -> None:
    frame = frame_of(rows).with_row_index("origin")
    small, large = (set(drawn(frame, share, key, seed)) for share in sorted(shares))
    assert small <= large
    assert bool(large) == bool(rows)
    assert set(drawn(frame, 1.0, key, seed)) == set(range(len(rows)))


def drawn(frame: pl.DataFrame, share: float, key: str | None, seed: int) -> list[int]:
    return sampled(frame, Sample(share, key, seed)).get_column("origin").to_list()


@given(rows=ROWS, share=SHARES)
def test_all_rows_of_a_key_stay_together_and_their_order_does_not_matter(rows: list[Any], share: float) -> None:
    frame, sample = frame_of(rows), Sample(share, "key")
    kept = sampled(frame, sample)
    left = frame.join(kept.select("key").unique(), on="key", how="anti", nulls_equal=True)
    assert len(left) + len(kept) == len(frame)
    assert sampled(frame.reverse(), sample).equals(kept.reverse())


def test_the_sample_is_the_same_on_each_machine() -> None:
    frame = pl.DataFrame(
        {"user": [f"u{n}" for n in range(1000)], "day": date(2026, 1, 7), "x": [n / 7 for n in range(1000)]}
    )
    assert sampled(frame, Sample(0.005, "user"))["user"].to_list() == KEYS
    assert sampled(frame, Sample(0.005))["user"].to_list() == BY_ROW
    assert sampled(frame.select("x", "day", "user"), Sample(0.005))["user"].to_list() == BY_ROW
    assert sampled(frame, Sample(0.005, "user", seed=1))["user"].to_list() != KEYS


def test_about_the_share_is_drawn() -> None:
    frame = pl.DataFrame({"n": range(20_000)})
    assert 150 < len(sampled(frame, Sample(0.01))) < 250


@pytest.mark.parametrize(
    ("share", "minimum", "least"), [(1.0, 100, 100), (0.01, 1000, 1), (0.01, 5, 1), (0.5, 0, 0), (0.1, 1, 1)]
)
def test_a_sample_needs_one_row(share: float, minimum: int, least: int) -> None:
    with on_sample(share):
        assert least_rows(minimum) == least
    assert least_rows(minimum) == minimum


def test_a_share_of_few_rows_has_more_room() -> None:
    assert most_rows(0.01, 1000) == 10
    with on_sample(0.01):
        assert 10 < most_rows(0.01, 1000) < 20
        assert most_rows(0.0, 1000) == 0


def smoke(capsys: pytest.CaptureFixture[str], root: Path, *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["smoke", "embers:glowing", "--root", str(root), "--json", *words])
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA, cls=jsonschema.Draft202012Validator)
    return code, told


def test_all_steps_run_on_the_sample_of_the_newest_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://registry.invalid")
    monkeypatch.setenv("COUNTERPOINT_ALERTS", str(tmp_path / "absent.toml"))
    root = tmp_path / "root"
    words = ("--sample", "10%", "--date", "2026-01-04", "--set", f'folder="{tmp_path}"')
    code, told = smoke(capsys, root, *words)
    assert (code, told["status"], told["date"], told["key"]) == (0, "success", "2026-01-04", "customer")
    assert told["settings"]["rounds"] == 0
    steps = {row["name"]: row for row in told["steps"]}
    assert {name: row["status"] for name, row in steps.items()} == {
        **dict.fromkeys(("orders", "judged", "summed", "surroundings", "refused"), "success"),
        "sent": "skipped",
    }
    assert not (tmp_path / "sent").exists()
    assert (steps["orders"]["partitions"], steps["summed"]["partitions"]) == (2, 1)
    assert 0 < steps["orders"]["rows"] < 1000
    assert steps["orders"]["rows"] == 40 * steps["summed"]["rows"]  # whole customers, the same on both days
    assert told["not_awaited"] == ["judged: marker never/2026-01-04", "judged: approval"]
    assert not root.exists()


def test_the_newest_partition_is_that_of_the_source_or_of_production(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import embers

    words = ("--set", f'folder="{tmp_path}"')
    last = f"{date.fromordinal(date.today().toordinal() - 3)}"  # noqa: DTZ011 - days that are over anywhere
    monkeypatch.setattr(embers, "LAST", last)
    assert smoke(capsys, tmp_path, *words)[1]["date"] == last
    monkeypatch.setattr(embers, "LAST", "2026-01-01")
    request = RunRequest("embers:glowing", last, "r", str(tmp_path))
    monkeypatch.setattr(embers, "LAST", last)
    execute(request, "orders")
    monkeypatch.setattr(embers, "LAST", "2020-01-01")
    assert main(["smoke", "embers:glowing", "--root", str(tmp_path / "other"), *words]) == 2
    assert "name one by --date" in capsys.readouterr().err
    assert smoke(capsys, tmp_path, *words, "--limit", "60s")[1]["date"] == last


def test_a_step_that_fails_fails_the_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--date", "2026-01-02", "--set", "fails=true"]
    code, told = smoke(capsys, tmp_path, *words)
    assert (code, told["status"]) == (1, "failed")
    assert told["steps"][-1]["error"] == "ValueError: refused with []"
    assert main(["smoke", "embers:glowing", "--root", str(tmp_path), *words]) == 1
    assert "refused: ValueError: refused with []" in capsys.readouterr().out


def test_a_contract_of_what_comes_from_outside_is_held_by_all_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = smoke(capsys, tmp_path, "--date", "2026-01-02", "--set", "rows=900")
    assert (code, told["status"]) == (1, "failed")
    assert told["steps"][0]["status"] == "failed"


def test_the_limit_ends_the_steps_that_run(tmp_path: Path) -> None:
    words = ["smoke", "embers:glowing", "--date", "2026-01-02", "--limit", "25s", "--set", "rounds=500", "--json"]
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "counterpoint", *words, "--root", str(tmp_path)],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["status"]) == (1, "limit"), done.stderr
    assert {row["name"]: row["status"] for row in told["steps"]}["summed"] == "not run"
    assert time.monotonic() - begun < 100


@pytest.mark.parametrize("sample", ["0%", "101%", "much", "-1", "nan"])
def test_a_share_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], sample: str) -> None:
    assert main(["smoke", "embers:glowing", "--root", str(tmp_path), f"--sample={sample}"]) == 2
    assert "is no share of the rows" in capsys.readouterr().err


def test_a_sampled_output_is_never_fresh_for_a_whole_run(tmp_path: Path) -> None:
    whole = RunRequest("embers:glowing", "2026-01-02", "whole", str(tmp_path), config={"rows": 1200})
    drawn = RunRequest(**{**vars_of(whole), "run_id": "drawn", "sample": Sample(0.1, "customer")})
    assert RunRequest.from_json(drawn.to_json()) == drawn
    assert execute(drawn, "orders").rows < 1200
    assert execute(whole, "orders").rows == 1200
    assert context_of(whole, "orders").store.entry("orders", "2026-01-02").reference.rows == 1200


def vars_of(request: RunRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in RunRequest.__dataclass_fields__}


def test_small_settings_are_settings_of_the_pipeline() -> None:
    pipeline = find_pipeline("embers:glowing")
    assert pipeline_from(json.loads(json.dumps(to_values(pipeline)))) == pipeline
    with pytest.raises(DefinitionError, match="smoke sets 'epoch', which is no setting"):
        Pipeline("p", (step("embers:whole", name="w", inputs={"frame": "w"}),), smoke=Smoke({"epoch": 1}))


def test_small_settings_beat_the_environment_whose_tracking_server_is_not_used(tmp_path: Path) -> None:
    variables = {"MLFLOW_TRACKING_URI": "http://registry.invalid", "COUNTERPOINT_ALERTS": "absent.toml"}
    settings = {"rounds": 600, "rows": 1500}
    prod = Configuration("prod", str(tmp_path), "http://registry.invalid", settings, variables=variables)
    report = smoke_test("embers:glowing", prod, Sample(0.1, "customer"), date="2026-01-02", limit=90, overrides={})
    assert (report.status, report.settings["rounds"], report.settings["rows"]) == ("success", 0, 1500)
