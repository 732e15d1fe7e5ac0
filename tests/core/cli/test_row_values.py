"""Where COUNTERPOINT_ROW_VALUES is off, no value of a row is told or kept but in the data and the dead letters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING

import polars as pl
import pytest

from counterpoint.model import RunRequest
from counterpoint.redaction import redacted, row_value
from counterpoint.runtime import execute

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "canary-ann@example.com"
PIPELINE = """
from counterpoint.model import Output, Pipeline, step
NAMES = ("contract", "rate", "own", "lone", "wrapped", "raised", "coerced", "cast", "logged")
canary = Pipeline("canary", (step("canarysteps:letters", name="letters"),
    *(step(f"canarysteps:{n}", name=n, output=Output(contract="canarysteps:mails" if n == "contract" else None))
      for n in NAMES)))
"""
STEPS = """
import logging
import pandera.polars as pa, polars as pl
from counterpoint.contracts import split
CANARY = "canary-ann" + "@example.com"
def breaks(data): raise ValueError(CANARY)
mails = pa.DataFrameSchema({"mail": pa.Column(pl.String, pa.Check.isin(["x"]))}, name="mails")
raising = pa.DataFrameSchema({"mail": pa.Column(pl.String, pa.Check(breaks))})
rows = lambda good=1: pl.DataFrame({"mail": ["x"] * good + [CANARY]})
def letters(): return split(mails, rows(200))
def contract(): return rows()
def rate(): return split(mails, rows())
def own(): return mails.validate(rows(), lazy=True)
def lone(): return mails.validate(rows())
def raised(): return raising.validate(rows())
def coerced(): return pa.DataFrameSchema({"mail": pa.Column(pl.Int64, coerce=True)}).validate(rows(), lazy=True)
def cast(): return rows().cast(pl.Int64)
def wrapped():
    try:
        raising.validate(rows(), lazy=True)
    except Exception as error:
        raise RuntimeError(f"my step: {error}") from error
def logged():
    try:
        mails.validate(rows(), lazy=True)
    except Exception as error:
        print("printed:", error)
        logging.getLogger("mine").exception("not valid")
        raise
"""
BAD = ("contract", "rate", "own", "lone", "wrapped", "raised", "coerced", "cast", "logged")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/canary.py").write_text(PIPELINE)
    (tmp_path / "lib/canarysteps.py").write_text(STEPS)
    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path / "root"))
    return tmp_path


def told(folder: Path, values: str) -> dict[str, str]:
    """What every command tells, and what every file below the root holds but the data and the dead letters."""
    env = {**os.environ, "PYTHONPATH": str(folder / "lib"), "COUNTERPOINT_ROW_VALUES": values, "COLUMNS": "300"}
    found = {}
    for words in (
        ("run", "canary:canary", "--date", "2026-01-03"),
        ("dlq", "list", "canary:canary"),
        ("dlq", "show", "canary:canary"),
        ("dlq", "show", "canary:canary", "--json"),
        ("alerts", "list", "--json"),
        ("status", "canary:canary", "--from", "2026-01-03", "--to", "2026-01-03"),
        ("why", "canary:canary", "--json"),
    ):
        command = [sys.executable, "-m", "counterpoint", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
        found[" ".join(words)] = f"{done.returncode} {done.stdout}{done.stderr}"
    for path in folder.joinpath("root").rglob("*"):
        if path.is_file() and not {"tables", "dead_letters"}.intersection(path.relative_to(folder / "root").parts):
            found[str(path)] = path.read_bytes().decode(errors="replace")
    return found


def test_no_value_is_told_anywhere(folder: Path) -> None:
    found = told(folder, "off")
    ran, shown = found["run canary:canary --date 2026-01-03"], found["dlq show canary:canary --json"]
    assert {where: text for where, text in found.items() if "ann@" in text} == {}
    assert "column mail, check isin(['x']): 1 times, such as row 1 (counted from 0)" in ran
    assert "1 of 2 rows are bad" in ran
    (letter,) = (row for row in json.loads(shown.removeprefix("0 "))["rows"] if row["step"] == "letters")
    assert (letter["reason"], letter["row"]) == ("mail, isin(['x'])", None)
    for step in BAD:
        assert any(path.endswith(f"/{step}.failures.json") for path in found), step
    # they must be repaired, so the dead letters hold the rows
    letters = pl.read_delta(str(folder / "root/dead_letters/production/canary/letters"))
    assert CANARY in letters["row"][0]


def test_values_are_told_where_nobody_switched_them_off(folder: Path) -> None:
    found = told(folder, "")
    for where in ("run canary:canary --date 2026-01-03", "dlq show canary:canary --json", "alerts list --json"):
        assert CANARY in found[where], where
    # letters that were kept before the switch
    env = {**os.environ, "PYTHONPATH": str(folder / "lib"), "COUNTERPOINT_ROW_VALUES": "off"}
    command = [sys.executable, "-m", "counterpoint", "dlq", "show", "canary:canary", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=folder)
    assert "ann@" not in done.stdout
    assert json.loads(done.stdout)["rows"][0]["reason"] == "mail, isin(['x'])"


@pytest.mark.parametrize("step", BAD)
def test_an_orchestrator_is_told_no_value(folder: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.syspath_prepend(folder / "lib")
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", "off")
    request = RunRequest("canary:canary", "2026-01-03", "r1", str(folder / "root"))
    with pytest.raises(Exception, match=".") as caught:
        execute(request, step)
    seen, error = [], caught.value
    while error is not None and not error.__suppress_context__:
        seen, error = [*seen, error], error.__cause__ or error.__context__
    assert "ann@" not in "".join(traceback.format_exception(caught.value))
    assert not [one for one in seen if "ann@" in str(one) + repr(one.args)]


@pytest.mark.parametrize("switch", ["off", "OFF", "0", "no", "hide", "of"])
def test_what_is_not_on_is_off(monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", switch)
    assert row_value(CANARY) == "(value not shown)"
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", "on")
    assert row_value(CANARY) == repr(CANARY)


@pytest.mark.parametrize(
    "text",
    [
        f"conversion from `str` to `i64` failed in column 'n' for 1 out of 3 values: [\"{CANARY}\"]",
        f"could not parse `{CANARY}` as dtype `i64` at column 'b'\n- adding `{CANARY}` to the `null_values` list",
        f'strict integer parsing failed for 1 value(s): ["{CANARY}"]; error message',
        f'found value of type String: "{CANARY}"',
        f"[type=int_parsing, input_value='{CANARY}', input_type=str]",
        f"Could not convert '{CANARY}' with type str: tried to convert to int64",
        f"Conversion Error: Could not convert string '{CANARY}' to INT64",
        f"DETAIL:  Key (mail)=({CANARY}) already exists.",
        f"DETAIL:  Failing row contains (1, {CANARY}, null).",
        f'invalid input syntax for type integer: "{CANARY}"',
        f"invalid literal for int() with base 10: '{CANARY}'",
        f"could not convert string to float: '{CANARY}'",
        f'Unable to parse string "{CANARY}" at position 3',
        f"time data '{CANARY}' does not match format '%Y'",
        f"<Check isin: isin(['b'])> failure case examples: [{{'a': '{CANARY}'}}]",
        f"failure cases: x, {CANARY}",
    ],
)
def test_the_words_of_known_libraries_hold_no_value(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert CANARY in redacted(text)
    monkeypatch.setenv("COUNTERPOINT_ROW_VALUES", "off")
    assert "ann@" not in redacted(text)
