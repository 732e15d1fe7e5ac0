"""Secrets of steps: resolved in the worker, masked everywhere, kept nowhere; a missing one fails for good."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from counterpoint.errors import DefinitionError, MissingSecretError
from counterpoint.model import RunRequest, Secret, is_retryable, step
from counterpoint.model.pipelines import Pipeline
from counterpoint.model.render import as_text
from counterpoint.model.serial import pipeline_from, to_values
from counterpoint.runtime import find_pipeline, secrets
from counterpoint.runtime.context import context_of
from counterpoint.runtime.inputs import fingerprint
from counterpoint.runtime.secrets import foreign_values, resolved, secret_values

NAME = "vaulty:vaulty"
KEY, OTHER = "correct-Horse-Battery-9", "staple-Of-Another-8"
FILE = """
default = "dev"
[env.dev]
root = "data"
[env.dev.settings]
word = "from-dev"
[env.dev.secrets]
api_key = "file:key.txt"
[env.dev.variables]
VAULTY_GREETING = "hello"
[env.bare]
root = "bare"
"""


def described() -> Pipeline:
    return find_pipeline(NAME)


@pytest.fixture
def told(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Path("counterpoint.toml").write_text(FILE, encoding="utf-8")
    Path("key.txt").write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.setenv("VAULTY_OTHER_KEY", OTHER)
    return project


def command(*words: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """A command, and the command lines of all that ran below it."""
    line = [sys.executable, "-P", "-m", "counterpoint", *words]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen, watched = set[str](), psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            seen.update(" ".join(one.cmdline()) for one in (watched, *watched.children(recursive=True)))
        time.sleep(0.02)
    out, _ = process.communicate()
    return subprocess.CompletedProcess(line, process.returncode, out), "\n".join(seen)


def without_secrets(*texts: str) -> None:
    for secret in (KEY, OTHER):
        assert not any(secret in text for text in texts)


def tree(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--set", 'word="fails"'), 1)])
def test_a_secret_reaches_its_step_and_nothing_else(told: Path, more: tuple[str, ...], code: int) -> None:
    done, lines = command("run", NAME, "--date", "2026-01-02", "--json", *more)
    assert done.returncode == code, done.stdout
    record = json.loads(done.stdout[done.stdout.index("{") :])
    assert record["env"] == "dev"
    without_secrets(done.stdout, lines, tree(told / "data"))
    assert "printing *** ***" in done.stdout
    assert "logging ***" in done.stdout
    (lineage,) = (json.loads(path.read_text()) for path in (told / "data").rglob("lineage.json"))
    assert lineage["env"] == "dev"
    if code:
        assert record["steps"][0]["error"]["message"] == "refused: *** ***"
        return
    request = RunRequest.from_json(json.loads(next((told / "data").rglob("request.json")).read_text())["request"])
    assert request.secrets == {"api_key": f"file:{told}/key.txt"}
    (uri,) = (one["output"]["uri"] for one in record["steps"] if one["name"] == "load")
    made = json.loads(
        next(path for path in Path(uri).parent.rglob("*") if path.is_file() and "load" in str(path)).read_text()
    )
    value = made.get("value", made)
    assert (value["length"], value["word"], value["VAULTY_GREETING"]) == (len(KEY), "from-dev", "hello")
    assert value["COUNTERPOINT_ENV"] == "dev"


def test_a_missing_secret_fails_once_and_for_good(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAULTY_OTHER_KEY")
    done, _ = command("run", NAME, "--date", "2026-01-02", "--json")
    (load, _after) = json.loads(done.stdout[done.stdout.index("{") :])["steps"]
    assert (done.returncode, load["attempts"], load["error"]["type"]) == (1, 1, "MissingSecretError")
    assert load["error"]["failure"] == "bad_configuration"
    said = load["error"]["message"]
    assert "step load of 2026-01-02 needs secret other_key (env:VAULTY_OTHER_KEY)" in said
    assert "VAULTY_OTHER_KEY is not set where the step runs: set it for its worker" in said
    bare, _ = command("run", NAME, "--date", "2026-01-02", "--env", "bare")
    assert "needs secret api_key, for which there is no reference" in " ".join(bare.stdout.split())
    assert "[env.bare.secrets]" in bare.stdout


def test_what_cannot_be_read_here_is_named_with_the_fix(told: Path) -> None:
    assert resolved("file:key.txt") == KEY
    Path("empty").touch()
    for reference, said in (
        ("env:VAULTY_NONE", "variable VAULTY_NONE is not set where the step runs"),
        ("file:/none", r"/none cannot be read where the step runs \(No such file or directory\): put it there"),
        ("file:empty", "empty is empty: write the secret into it"),
        ("vault:a/b", "nothing here reads vault: references; there are env:, file:.* run it there"),
    ):
        with pytest.raises(MissingSecretError, match=said) as refused:
            resolved(reference)
        assert not is_retryable(refused.value)


def test_an_adapter_adds_a_scheme_which_the_native_process_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, value = "vault", "test_secrets:read"

    monkeypatch.setattr(secrets, "entry_points", lambda group: [Point] if group == "counterpoint.secrets" else [])
    monkeypatch.setattr(
        secrets, "load", lambda reference: {"test_secrets:read": lambda name: f"value-of-{name}"}[reference]
    )
    request = RunRequest(NAME, "2026-01-02", "r", "/r", secrets={"api_key": "vault:a/b"})
    load = described().step("load")
    assert foreign_values(request, load) == {"api_key": "value-of-a/b"}
    monkeypatch.setitem(secrets._RECEIVED, "api_key", "received-from-there")
    monkeypatch.setenv("VAULTY_OTHER_KEY", OTHER)
    assert secret_values(request, load) == {"api_key": "received-from-there", "other_key": OTHER}


def test_a_secret_that_cannot_be_masked_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VAULTY_OTHER_KEY", "abc")
    monkeypatch.setenv("VAULTY_KEY", KEY)
    secret_values(
        RunRequest(NAME, "2026-01-02", "r", "/r", secrets={"api_key": "env:VAULTY_KEY"}), described().step("load")
    )
    (warning,) = caplog.messages
    assert warning == "secret other_key of step load is too short or too common to be masked: choose another"


def test_only_the_names_of_secrets_decide_an_output(tmp_path: Path) -> None:
    asked = RunRequest(NAME, "2026-01-02", "r", str(tmp_path))
    other = replace(asked, secrets={"api_key": "env:ELSEWHERE"}, variables={"A": "b"}, tracking="https://t", env="prod")
    one, two = (fingerprint(context_of(request, "load"), {}, None) for request in (asked, other))
    assert one == two
    load = described().step("load")
    renamed = replace(context_of(asked, "load"), step=replace(load, secrets=(Secret("api_token"),)))
    assert fingerprint(renamed, {}, None) != one


def test_they_are_part_of_the_description() -> None:
    assert described().step("load").secrets == (Secret("api_key"), Secret("other_key", "env:VAULTY_OTHER_KEY"))
    assert described().step("load").settings == ("word", "source")
    assert pipeline_from(json.loads(json.dumps(to_values(described())))) == described()
    assert "secrets api_key, other_key" in as_text(described())


def takes(api_key: Any) -> int:
    return len(api_key)


@pytest.mark.parametrize(
    ("given", "config", "said"),
    [
        ("api_key", {}, r"secrets= is no list of names: write secrets=\('api_key',\)"),
        (("other",), {}, "has no parameter 'other' for that secret"),
        (("api_key",), {"api_key": 1}, "secret 'api_key' is a setting, too: rename one"),
        ({"api_key": "hunter2hunter2"}, {}, "has a default that is no reference: write env:NAME"),
        ({"api_key": "file:relative"}, {}, "with an absolute path"),
        (("api-key",), {}, "is no name of a parameter"),
    ],
)
def test_what_contradicts_itself_is_refused(given: Any, config: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as refused:
        Pipeline("taking", (step(takes, secrets=given),), config=config)
    assert "hunter2" not in str(refused.value)


def test_doctor_tells_references_and_whether_they_resolve(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from counterpoint.cli.shown_environment import environment_checks
    from counterpoint.configuration import environment_named

    rows = environment_checks(environment_named("dev"))
    assert [(row["what"], row["state"], row["fix"]) for row in rows] == [
        ("environment", f"dev of {told}/counterpoint.toml", None),
        ("tracking", "below the root", None),
        ("secret", f"api_key (file:{told}/key.txt) resolves here", None),
    ]
    Path("key.txt").unlink()
    last = environment_checks(environment_named("dev"))[-1]
    assert "does not resolve here" in last["state"]
    assert last["fix"] == "put it there"
    assert environment_checks(None)[0]["state"].startswith("none: ")
