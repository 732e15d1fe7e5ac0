"""`counterpoint models`: what it prints, the JSON of every action against its schema, and its errors."""

from __future__ import annotations

import getpass
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from workshop import AFTER, DAY, NAME, Workshop

from counterpoint.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "schemas/models.schema.json").read_text(encoding="utf-8"))
OURS = "workshop:PIPELINE"
Printed = pytest.CaptureFixture[str]
Typed = tuple[int, str, str]


@pytest.fixture
def typed(workshop: Workshop, capsys: Printed) -> Callable[..., Typed]:
    """Types a command below the root: exit code, stdout, stderr."""

    def run(*words: str) -> Typed:
        capsys.readouterr()
        code = main(["models", *words, "--root", workshop.root])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def answered(typed: Callable[..., Typed]) -> Callable[..., Any]:
    def run(*words: str) -> Any:
        code, out, err = typed(*words, "--json")
        assert (code, err) == (0, "")
        found = json.loads(out)
        jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft202012Validator)
        return found

    return run


@pytest.fixture
def two(workshop: Workshop) -> Workshop:
    workshop.register(1, DAY, run_id="run-1")
    workshop.register(2, AFTER, run_id="run-2")
    workshop.register(3, "2026-01-05", "staging", "run-3")
    return workshop


def test_the_list_holds_what_the_registry_knows(two: Workshop, answered: Callable[..., Any]) -> None:
    found = answered("list", OURS)
    first, second, third = found["versions"]
    assert found["pipeline"] == "workshop"
    assert {name: second[name] for name in ("model", "version", "partition", "stage", "aliases", "run_id")} == {
        "model": NAME,
        "version": 2,
        "partition": AFTER,
        "stage": "production",
        "aliases": ["champion"],
        "run_id": "run-2",
    }
    assert (second["metrics"], second["data_version"]) == ({"recall@20": 0.2}, "production")
    assert (first["aliases"], third["aliases"], third["stage"]) == ([], ["challenger"], "staging")
    assert (first["promoted"], first["rolled_back"]) == (None, None)
    assert answered("list", OURS, "--model", NAME, "--stage", "staging")["versions"] == [third]


def test_the_list_tells_who_rolled_back(
    two: Workshop, answered: Callable[..., Any], typed: Callable[..., Typed]
) -> None:
    assert answered("rollback", OURS, NAME) == {
        "pipeline": "workshop",
        "action": "rollback",
        "model": NAME,
        "champion": 1,
        "partition": DAY,
        "previous": 2,
        "rolled_back": [2],
        "changed": True,
        "undo": shlex.join(["counterpoint", "models", "promote", OURS, NAME, "2", "--root", two.root]),
    }
    first, second, _ = answered("list", OURS)["versions"]
    assert (second["rolled_back"]["by"], first["promoted"]["by"]) == (getpass.getuser(), getpass.getuser())
    code, out, err = typed("list", OURS)
    assert (code, err) == (0, "")
    assert "Registered models of workshop" in out
    assert f"by {getpass.getuser()}, {second['rolled_back']['at'][:10]}" in out
    assert "recall@20 0.2" in out
    assert "+00:00" not in out


def test_the_printed_command_makes_the_version_champion_again(two: Workshop, typed: Callable[..., Typed]) -> None:
    code, out, err = typed("rollback", OURS, NAME)
    assert (code, out) == (
        0,
        f"{NAME}: the champion is version 1 ({DAY}), before it was version 2; rolled back: 2\n",
    )
    line = err.rstrip().partition(" champion again: ")[2]
    assert main(shlex.split(line)[1:]) == 0
    assert two.aliases() == {"champion": 2, "challenger": 3}
    assert typed("promote", OURS, NAME, "2") == (
        0,
        f"{NAME}: the champion is version 2 ({AFTER}) already; nothing was changed\n",
        "",
    )


def test_a_promotion_answers_json(two: Workshop, answered: Callable[..., Any]) -> None:
    found = answered("promote", OURS, NAME, "3")
    assert (found["champion"], found["previous"], found["rolled_back"]) == (3, 2, [])
    assert answered("promote", OURS, NAME, "3")["undo"] is None
    two.client.delete_registered_model_alias(NAME, "champion")
    assert answered("promote", OURS, NAME, "1")["previous"] is None


def test_a_version_that_a_later_model_passed_names_nobody(two: Workshop, typed: Callable[..., Typed]) -> None:
    two.client.set_registered_model_alias(NAME, "champion", "1")
    two.register(4, "2026-01-06", run_id="run-4")
    assert "by a later model" in typed("list", OURS)[1]


def test_a_root_without_models_has_an_empty_list(
    tmp_path: Path, answered: Callable[..., Any], typed: Callable[..., Typed], capsys: Printed
) -> None:
    assert answered("list", OURS) == {"pipeline": "workshop", "versions": []}
    assert "workshop has no registered models below" in typed("list", OURS)[1]
    empty = tmp_path / "empty"
    assert main(["models", "list", OURS, "--root", str(empty)]) == 0
    assert main(["models", "rollback", OURS, NAME, "--root", str(empty)]) == 2
    assert "has no registered models yet: run it first" in capsys.readouterr().err
    assert not empty.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((f"promote {OURS} {NAME} 9"), f"{NAME} has no version 9: take one of 1, 2, 3"),
        ((f"promote {OURS} {NAME} 0"), f"{NAME} has no version 0: take one of 1, 2, 3"),
        ((f"rollback {OURS} {NAME} --to 9"), f"{NAME} has no version 9: take one of 1, 2, 3"),
        ((f"rollback {OURS} {NAME} --to 2"), "is no version of production before the champion, version 2"),
        ((f"promote {OURS} workshop-modem 1"), f"has no model 'workshop-modem': its models are {NAME}"),
        ((f"rollback {OURS} a/b"), f"has no model 'a/b': its models are {NAME}"),
        ((f"list {OURS} --model nobodys"), f"has no model 'nobodys': its models are {NAME}"),
        (("list workshp:PIPELINE"), "workshp"),
    ],
)
def test_a_mistake_is_one_clear_error(two: Workshop, typed: Callable[..., Typed], words: str, said: str) -> None:
    code, out, err = typed(*words.split())
    assert (code, out) == (2, "")
    assert re.search(re.escape(said), err)
    assert len(err.splitlines()) == 1
    assert two.aliases() == {"champion": 2, "challenger": 3}


def test_without_mlflow_the_error_says_what_to_install(
    two: Workshop, typed: Callable[..., Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    for words in (("list", OURS), ("rollback", OURS, NAME), ("promote", OURS, NAME, "1")):
        code, _, err = typed(*words)
        assert code == 2
        assert "registered models need mlflow, which is not installed here: pip install 'counterpoint[mlflow]'" in err
