"""A setting that is a secret reaches the step, and nothing else: no file, no database, no command line, no output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.environments import reexec
from counterpoint.cli.parser import parser
from counterpoint.cli.secrets import database_of, take_secrets
from counterpoint.errors import UsageError
from counterpoint.model import Pipeline, step
from counterpoint.redaction import is_sealed, sealed, unsealed

if TYPE_CHECKING:
    from collections.abc import Mapping

PIPELINE = """
from datetime import timedelta
from counterpoint.model import Output, OutputKind, Pipeline, RetryPolicy, step
def P(name, function):
    first = step(f"leaksteps:{function}", name="leak", retry=RetryPolicy(retries=1, delay=timedelta(seconds=0.1)))
    return Pipeline(name, (first, step("leaksteps:after", name="after_leak", inputs={"leak": "leak"})),
        config={"api_token": "x", "dsn": "x", "opts": {}, "sleep": 0.0})
good, bad = P("good", "good"), P("bad", "bad")
rows = Pipeline("rows", (step("leaksteps:table", name="table",
    output=Output(OutputKind.TABLE, contract="leaksteps:positive")),))
"""
STEPS = """
import logging, os, sys, time, warnings
def good(api_token, dsn, opts, sleep):
    time.sleep(sleep)
    print("good with", api_token, opts)
    return len(api_token)
def after(leak): return leak
class Slots(Exception):
    __slots__ = ("dsn",)
    def __init__(self, dsn): self.dsn = dsn
    def __str__(self): return "cannot reach " + self.dsn
def bad(api_token, dsn, opts, sleep):
    told = " ".join([api_token, dsn, str(opts), os.environ["DB_PASS"], os.environ["DB_URL"], os.environ["OWN_SK"]])
    print("printed", told); print("printed", told, file=sys.stderr); print("held " + api_token, end="")
    logging.getLogger("x").warning("logged %s", told); warnings.warn("warned " + told)
    try:
        raise Slots(told)
    except Slots as error:
        error.add_note(told)
        raise ConnectionError(told, {"token": api_token}, told.encode()) from error
def table():
    import polars as pl
    return pl.DataFrame({"card": ["4111-pl4nt-card", "x"]})
def positive(frame): pass
"""
PLANTED = {
    "DB_PASS": "pl4nted-env1",
    "DB_URL": "postgresql://ann:pl4nted-env2@127.0.0.1:1/x",
    "OWN_SK": "pl4nted-own3",
}
OPTIONS = (
    *("--set", 'api_token="pl4nted-set4"'),
    *("--set", 'dsn="mysql://u:pl4nted-set5@h/db"'),
    *('--set=opts={"password": "pl4nted-set6", "n": 1}',),
)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    (tmp_path / "lib").mkdir(exist_ok=True)
    (tmp_path / "lib/leak.py").write_text(PIPELINE)
    (tmp_path / "lib/leaksteps.py").write_text(STEPS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERPOINT_")}
    path = {"PYTHONPATH": str(tmp_path / "lib"), "COUNTERPOINT_ROOT": str(tmp_path / "root")}
    return {**kept, **path, **PLANTED, "COUNTERPOINT_SECRETS": "OWN_*", **more}


def counterpoint(tmp_path: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "counterpoint", *words]
    env = environment(tmp_path, **more)
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=tmp_path)


def leaks(*texts: str, folder: Path) -> dict[str, list[str]]:
    """What of the planted secrets is found where, also below a folder."""
    found = {f"text {number}": text for number, text in enumerate(texts)}
    found |= {str(path): path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()}
    words = {name: list(text.split("pl4nted-")[1:]) for name, text in found.items()}
    return {name: [part[:8] for part in parts] for name, parts in words.items() if parts}


def test_no_secret_is_kept_told_or_printed(tmp_path: Path) -> None:
    bad = counterpoint(tmp_path, "run", "leak:bad", "--date", "2026-01-03", *OPTIONS)
    assert bad.returncode == 1, bad.stderr
    assert "ConnectionError" in bad.stderr
    assert "printed ***" in bad.stderr
    assert "mysql://u:***@h/db" in bad.stderr
    (run,) = (tmp_path / "root/runs/bad").iterdir()
    told = [counterpoint(tmp_path, *words) for words in (("why", run.name), ("lineage", run.name), ("alerts", "list"))]
    said = [text for done in (bad, *told) for text in (done.stdout, done.stderr)]
    assert [done.returncode for done in told] == [0, 0, 0]
    assert leaks(*said, folder=tmp_path / "root") == {}
    kept = json.loads(json.loads((run / "request.json").read_text())["request"])["config"]
    assert kept == {"api_token": "***", "dsn": "mysql://u:***@h/db", "opts": {"password": "***", "n": 1}}


def test_retry_asks_for_the_secrets_again(tmp_path: Path) -> None:
    counterpoint(tmp_path, "run", "leak:bad", "--date", "2026-01-03", *OPTIONS)
    (run,) = (tmp_path / "root/runs/bad").iterdir()
    redo = ("retry", "leak:bad", "--run", run.name)
    refused = counterpoint(tmp_path, *redo)
    assert refused.returncode == 2
    assert "setting api_token of pipeline bad is a secret" in refused.stderr
    assert "--set api_token=JSON" in refused.stderr
    assert "COUNTERPOINT_SETTING_API_TOKEN" in refused.stderr
    other = counterpoint(tmp_path, *redo, *OPTIONS[:2], "--set", 'dsn="mysql://u:pl4nted-set5@other/db"', OPTIONS[4])
    assert other.returncode == 2
    assert "does not hold what setting dsn of pipeline bad was" in other.stderr
    stray = counterpoint(tmp_path, *redo, "--set", "sleep=1")
    assert (stray.returncode, "--set sleep" in stray.stderr) == (2, True)
    assert counterpoint(tmp_path, *redo, *OPTIONS).returncode == 1  # it runs, and fails as before
    by_variables = {
        "COUNTERPOINT_SETTING_API_TOKEN": "pl4nted-set4",
        "COUNTERPOINT_SETTING_DSN": '"mysql://u:pl4nted-set5@h/db"',
        "COUNTERPOINT_SETTING_OPTS": '{"password": "pl4nted-set6", "n": 1}',
    }
    again = counterpoint(tmp_path, *redo, **by_variables)
    assert again.returncode == 1
    assert leaks(again.stdout, again.stderr, refused.stderr, other.stderr, folder=tmp_path / "root") == {}


def test_the_step_is_given_the_secret_and_no_command_line_of_ours_has_it(tmp_path: Path) -> None:
    words = ("run", "leak:good", "--date", "2026-01-03", "--json", "--set", "sleep=1.5", *OPTIONS)
    command = [sys.executable, "-m", "counterpoint", *words]
    process = subprocess.Popen(command, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    seen = set[str]()
    # what was typed is also what a child has until it begins its own program
    typed = b"\0".join(word.encode() for word in command) + b"\0"
    while process.poll() is None:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                mine = b"leak:good" in (line := place.read_bytes()) or str(tmp_path).encode() in line
            except OSError:
                continue
            if mine and line != typed:
                seen.add(line.decode(errors="replace"))
        time.sleep(0.05)
    assert process.stdout is not None
    with process.stdout:
        answer = json.loads(process.stdout.read())
    assert answer["status"] == "success"
    assert leaks(*seen, json.dumps(answer), folder=tmp_path / "root") == {}


def test_a_backfill_keeps_none(tmp_path: Path) -> None:
    days = ("--from", "2026-01-03", "--to", "2026-01-04", "--version", "v1")
    done = counterpoint(tmp_path, "backfill", "leak:good", *days, *OPTIONS)
    assert done.returncode == 0, done.stderr
    refused = counterpoint(tmp_path, "retry", "leak:good", "--backfill", "v1")
    assert (refused.returncode, "setting api_token" in refused.stderr) == (2, True)
    assert counterpoint(tmp_path, "retry", "leak:good", "--backfill", "v1", *OPTIONS).returncode == 0
    assert leaks(done.stdout, done.stderr, folder=tmp_path / "root") == {}


def test_another_process_is_started_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.words"; env > "$0.env"\n')
    python.chmod(0o755)
    monkeypatch.setenv("COUNTERPOINT_PYTHON_AIRFLOW", str(python))
    monkeypatch.setattr("counterpoint.cli.environments.find_adapters", dict)
    monkeypatch.delenv("COUNTERPOINT_DATABASE", raising=False)
    database = "postgresql://ann:pl4nted-db7@h/x"
    words = ["run", "leak:good", "--date", "2026-01-03", "--on", "airflow", *OPTIONS, f"--database={database}"]
    args = parser().parse_args(words)
    args.argv = words
    take_secrets(args)
    try:
        assert database_of(args) == database
        assert reexec("airflow", args.argv) == 0
        assert "pl4nted" not in Path(f"{python}.words").read_text()
        child = parser().parse_args(Path(f"{python}.words").read_text().splitlines()[3:])
        assert database_of(child) == database
        assert 'COUNTERPOINT_SETTING_API_TOKEN="pl4nted-set4"' in Path(f"{python}.env").read_text()
    finally:
        for name in ("API_TOKEN", "DSN", "OPTS"):
            monkeypatch.delenv(f"COUNTERPOINT_SETTING_{name}")


@pytest.mark.parametrize(
    "settings",
    [{"token": "pl4nted"}, {"a": {"db": {"pass": "pl4nted"}}}, {"url": "pg://u:pl4nted@h"}, {"l": [{"api_key": 7}]}],
)
def test_a_sealed_setting_is_opened_by_the_environment(
    settings: Mapping[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = settings
    monkeypatch.setenv(f"COUNTERPOINT_SETTING_{name.upper()}", "")
    kept = sealed(settings)
    assert is_sealed(kept)
    assert sealed(kept) == kept
    assert unsealed(kept, "it") == settings
    assert (
        Pipeline("p", (step("getpass:getuser", name="user"),), config={name: "x"}).configured(kept).config == settings
    )
    monkeypatch.delenv(f"COUNTERPOINT_SETTING_{name.upper()}")
    with pytest.raises(UsageError, match=f"setting {name} of it is a secret"):
        unsealed(kept, "it")


def test_settings_that_are_none_stay() -> None:
    settings = {"max_tokens": 5, "tokenizer": "bert", "rate": 0.5, "on": True, "nothing": None}
    assert sealed(settings) == settings
    assert unsealed(settings, "it") == settings
