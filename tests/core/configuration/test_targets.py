"""Targets of `counterpoint.toml`: what they may say, who may enter, and that no secret is ever repeated."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.cli.main import main
from counterpoint.cli.targets import open_target, take_target
from counterpoint.configuration import read_file
from counterpoint.errors import UsageError

SENT = "token-of-the-team-81533"
WHOLE = """
[target.team]
kind = "airflow"
url = "https://airflow.example/"
token = "env:TEAM_TOKEN"
ca = "team.pem"
[env.prod]
root = "lake"
target = "team"
[env.dev]
root = "data"
"""


def written(text: str) -> Path:
    path = Path("counterpoint.toml").absolute()
    path.write_text(text, encoding="utf-8")
    return path


def words(project: Path, env: str = "prod", **more: object) -> argparse.Namespace:
    environment = read_file(project / "counterpoint.toml").environment(env)
    return argparse.Namespace(**{"environment": environment, "on": "local", "service": True, **more})


def test_a_target_is_opened_with_what_lets_us_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(WHOLE)
    (project / "team.pem").touch()
    monkeypatch.setenv("TEAM_TOKEN", SENT)
    target = open_target(words(project), "team", str(project / "lake"))
    assert target is not None
    assert (target.kind, target.url(), target.env, target.is_ours) == (
        "airflow",
        "https://airflow.example",
        "prod",
        False,
    )
    assert target.access.headers == {"Authorization": f"Bearer {SENT}"}
    assert target.access.ca == str(project / "team.pem")
    assert SENT not in repr(target)
    assert target.place == f"[target.team] of {project}/counterpoint.toml"


def test_a_command_with_service_goes_to_the_target(project: Path) -> None:
    written(WHOLE)
    args = words(project)
    assert (take_target(args), args.on) == ("team", "airflow")
    without = words(project, service=False)
    assert (take_target(without), without.on) == (None, "local")
    other = words(project, "dev", on="dagster")
    assert (take_target(other), other.on) == (None, "dagster")
    with pytest.raises(UsageError, match=r"--on dagster --service: the environment's target is airflow"):
        take_target(words(project, on="dagster"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[target.t]\nurl = 'http://h'", "[target.t] kind is missing"),
        ("[target.t]\nkind = 'airflow'", "[target.t] url is missing"),
        ("[target.t]\nkind = 'airflow'\nurl = 'airflow'", "[target.t] url) is no address"),
        ("[target.t]\nkind = 'airflow'\nurl = 'http://h'\ntokens = 'env:T'", "did you mean 'token'?"),
        (
            "[target.t]\nkind = 'airflow'\nurl = 'http://h'\ntoken = 'hunter2hunter2'",
            "[target.t] token is no reference",
        ),
        ("[target.t]\nkind = 'airflow'\nurl = 'http://h'\npassword = 'hunter2hunter2'", "password is no reference"),
        ("[target.t]\nkind = 'airflow'\nurl = 'http://h'\nuser = 'me'", "[target.t] password is missing"),
        ("[target.t]\nkind = 'airflow'\nurl = 'http://h'\npassword = 'env:P'", "[target.t] user is missing"),
        (
            "[target.t]\nkind = 'airflow'\nurl = 'http://h'\ntoken = 'env:T'\nuser = 'me'\npassword = 'env:P'",
            "[target.t] token stands beside a user",
        ),
        ("[target.t]\nkind = 'airflow'\nurl = 'http://h'\n[env.e]\ntarget = 'd'", "[env.e] target names no target"),
        ("[env.e]\ntarget = 'd'", "write a table [target.d]"),
    ],
)
def test_what_has_no_meaning_is_named_with_its_place(project: Path, text: str, said: str) -> None:
    path = written(text)
    with pytest.raises(UsageError) as refused:
        read_file(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "hunter2hunter2" not in str(refused.value)
    assert path.parent == project


def test_what_is_missing_here_is_one_error_with_its_fix(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*more: str) -> str:
        assert main(["deploy", "vaulty:vaulty", *more]) == UsageError.exit_code
        return capsys.readouterr().err

    monkeypatch.delenv("TEAM_TOKEN", raising=False)
    written(WHOLE.replace('"airflow"', '"airflwo"'))
    assert "kind: no adapter is called 'airflwo': did you mean 'airflow'?" in said("--env", "prod")
    written(WHOLE)
    assert "names no target: add a table [target.NAME]" in said("--env", "dev")
    target = open_target(words(project), "team", "lake")
    assert target is not None
    with pytest.raises(UsageError, match=r"ca: there is no file .*team\.pem"):
        _ = target.access
    (project / "team.pem").touch()
    with pytest.raises(UsageError, match=r"token = 'env:TEAM_TOKEN' cannot be read here: set the variable"):
        _ = target.access
    with pytest.raises(UsageError, match=r"run on the target 'other', which the environment .* does not name"):
        open_target(words(project), "other", "lake")


@given(st.text(min_size=1).filter(lambda text: not text.startswith(("env:", "file:"))))
def test_a_secret_in_place_of_a_reference_is_never_repeated(text: str) -> None:
    from counterpoint.configuration.tables import Table
    from counterpoint.configuration.targets import target_in

    secret = f"Hunter2 {text}"
    values = {"kind": "airflow", "url": "http://h", "token": secret}
    with pytest.raises(UsageError) as refused:
        target_in(Table(Path("f.toml"), "target.t", values), "t")
    assert secret not in str(refused.value)
