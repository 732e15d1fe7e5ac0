"""What `counterpoint.toml` says, and what it may not say: file, table, key and the right name are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpoint.configuration import configuration_of, environment_named, find_file, read_file
from counterpoint.configuration.merging import merged
from counterpoint.errors import UsageError
from counterpoint.model import Configuration

NAME = "vaulty:vaulty"
WHOLE = """
default = "dev"
[env.dev]
root = "data"
[env.prod]
root = "s3://bucket/place"
tracking = "https://mlflow.example"
source = "days,profile=p.toml"
[env.prod.settings]
seed = 7
gate = {a = 5}
word = "shared"
[env.prod.pipelines.vaulty]
word = "own"
[env.prod.secrets]
api_key = "file:key"
[env.prod.variables]
VAULTY_GREETING = "hi"
"""


def written(text: str) -> Path:
    path = Path("counterpoint.toml").absolute()
    path.write_text(text, encoding="utf-8")
    return path


def test_a_pipeline_gets_what_its_environment_says(project: Path) -> None:
    written(WHOLE)
    found = configuration_of("prod", NAME)
    assert found == Configuration(
        "prod",
        "s3://bucket/place",
        "https://mlflow.example",
        {"source": f"{project}/days,profile={project}/p.toml", "seed": 7, "gate": {"a": 5}, "word": "own"},
        {"api_key": f"file:{project}/key"},
        {"VAULTY_GREETING": "hi"},
    )
    assert Configuration.from_json(found.to_json()) == found
    assert configuration_of("dev", NAME).root == f"{project}/data"
    given = configuration_of("prod", NAME, {"gate": {"b": 3}, "word": "typed"}, "/elsewhere")
    assert (given.settings["gate"], given.settings["word"], given.root) == ({"a": 5, "b": 3}, "typed", "/elsewhere")


def test_the_file_is_found_from_below_and_by_the_variable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file() is None
    path = written(WHOLE)
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_file() == path
    monkeypatch.setenv("COUNTERPOINT_CONFIG", "none.toml")
    with pytest.raises(UsageError, match=r"COUNTERPOINT_CONFIG=none.toml: there is no such file"):
        find_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("default = 3", "default is no text: write it in quotes"),
        ('default = "prd"\n[env.prod]', "has no environment 'prd': did you mean 'prod'?"),
        ("[envs.prod]", "'envs' is not known: did you mean 'env'?"),
        ("[targets.prod]", "'targets' is not known"),
        ("[env.prod]\nroots = 'x'", "[env.prod] 'roots' is not known: did you mean 'root'?"),
        ("[env.prod]\nsettings = 3", "[env.prod] settings is no table: write it as [env.prod.settings]"),
        ("[env.prod]\ntracking = 'mlflow'", "[env.prod] tracking is no address"),
        ("[env.prod]\ntracking = 'https://me:hunter2hunter2@host'", "[env.prod] tracking holds a password"),
        ("[env.prod.settings]\nday = 2026-01-01", "[env.prod.settings] day is a date: write it in quotes"),
        ("[env.prod.settings]\ndb_password = 'hunter2hunter2'", "write a reference to it into [env.prod.secrets]"),
        ("[env.prod.pipelines.x]\ndb_password = 'hunter2hunter2'", "write a reference to it into [env.prod.secrets]"),
        ("[env.prod.secrets]\napi_key = 'hunter2hunter2'", "[env.prod.secrets] api_key is no reference"),
        ("[env.prod.secrets]\n'api-key' = 'env:K'", "is no name of a parameter"),
        ("[env.prod.variables]\nCOUNTERPOINT_ROOT = 'x'", "has a key of its own: write root"),
        ("[env.prod.variables]\nDB_PASSWORD = 'hunter2hunter2'", "DB_PASSWORD holds a secret"),
        ("[env.prod.variables]\nN = 3", '[env.prod.variables] N is no variable: write NAME = "value"'),
        ("[env.'a.b']", "is no name: write letters"),
        ("[env", "cannot be read as TOML"),
    ],
)
def test_what_has_no_meaning_is_named_with_its_place(text: str, said: str) -> None:
    path = written(text)
    with pytest.raises(UsageError) as refused:
        read_file(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[env.prod.settings]\nsede = 7", "[env.prod.settings] sede: no registered pipeline has this setting"),
        ("[env.prod.pipelines.vaulty]\nwrod = 7", "wrod: the pipeline has no such setting: did you mean 'word'?"),
        ("[env.prod.pipelines.vautly]\nword = 'x'", "'vautly' is no registered pipeline: did you mean 'vaulty'?"),
    ],
)
def test_what_no_pipeline_has_is_refused(text: str, said: str) -> None:
    written(text)
    with pytest.raises(UsageError) as refused:
        configuration_of("prod", NAME)
    assert said in str(refused.value)


def test_without_a_file_the_fix_is_told() -> None:
    with pytest.raises(UsageError, match="there is no counterpoint.toml in this folder or one above it: go to"):
        environment_named("prod")
    assert configuration_of(None, NAME, {"word": "x"}, "/r") == Configuration(None, "/r", settings={"word": "x"})


def test_later_layers_beat_earlier_ones() -> None:
    assert merged([{"a": 1, "t": {"x": 1, "y": 1}}, {"a": 2, "t": {"y": 2}}, {"t": 3}]) == {"a": 2, "t": 3}
