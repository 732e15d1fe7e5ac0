"""Commands that are printed are typed here as they stand, from another folder: each does what its message says."""

from __future__ import annotations

import json
import logging
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.alerts.incident import body
from counterpoint.alerts.incidents import all_cases
from counterpoint.cli.main import main
from counterpoint.commands import command, setting_words
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

NAME = "typed:pipeline"
FIRST, SECOND = "2026-01-01", "2026-01-02"


@pytest.fixture(autouse=True, scope="module")
def importable(on_path: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    with on_path(str(Path(__file__).parent)):
        yield


class Desk:
    """A person at a terminal: types commands, and those that are printed."""

    def __init__(self, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
        # what a shell would take for something else
        self.folder, self.root = place / "it's $HOME; x & y", str(place / "data (1) #2")
        self.folder.mkdir()
        self.capfd = capfd

    def deliver(self, **days: str) -> None:
        for day, numbers in days.items():
            (self.folder / f"2026-01-{day.removeprefix('day')}.txt").write_text(numbers, encoding="ascii")

    @property
    def settings(self) -> list[str]:
        return setting_words({"folder": str(self.folder), "factor": 3})

    def type(self, *words: str) -> tuple[int, str, str]:
        self.capfd.readouterr()
        try:
            code = main([*words])
        finally:
            logging.getLogger("counterpoint").handlers.clear()
        told = self.capfd.readouterr()
        return code, told.out, told.err

    def run(self, day: str, *more: str) -> tuple[int, str, str]:
        return self.type("run", NAME, "--date", day, *self.settings, "--root", self.root, *more)

    def status(self) -> dict[str, dict[str, str]]:
        code, out, _ = self.type("status", NAME, "--root", self.root, "--json")
        assert code == 0
        return {row["date"]: row["steps"] for row in json.loads(out)["partitions"]}

    def printed(self, text: str, *begins: str) -> str:
        """The last command in a text that begins so, to its root."""
        found = text[text.rindex(f"counterpoint {' '.join(begins)} ") :]
        end = f"--root {shlex.quote(self.root)}"
        return found[: found.index(end) + len(end)]

    def types(self, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[int, str, str]:
        """Types a printed command from a folder where nothing is."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        monkeypatch.chdir(elsewhere)
        called, *words = shlex.split(line)
        assert called == "counterpoint"
        done = self.type(*words)
        assert not list(elsewhere.iterdir())
        return done


Type = Any


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path, capfd)
    monkeypatch.setenv("COUNTERPOINT_ROOT", str(tmp_path / "another"))
    return made


@pytest.fixture
def typed(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Type:
    return lambda line: desk.types(line, monkeypatch, tmp_path)


def test_status_judges_by_the_settings_that_production_was_made_with(desk: Desk) -> None:
    desk.deliver(day01="1 2", day02="3")
    assert desk.run(SECOND)[0] == 0
    assert set(desk.status()[SECOND].values()) == {"fresh"}
    _, out, err = desk.type("status", NAME, "--root", desk.root, "--json")
    assert f"compared with the settings of production: {shlex.join(desk.settings)}" in err
    assert json.loads(out)["settings"] == {"factor": 3, "folder": str(desk.folder)}
    _, out, _ = desk.type("status", NAME, "--root", desk.root, "--set", "factor=4", "--json")
    assert json.loads(out)["partitions"][-1]["steps"] == {"numbers": "fresh", "small": "fresh", "total": "stale"}


def test_a_run_that_says_nothing_of_the_source_is_refused_with_the_command_that_does(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="1", day02="2")
    assert desk.run(FIRST)[0] == 0
    for words in (("run", NAME, "--date", SECOND), ("backfill", NAME, "--from", SECOND, "--to", SECOND, "--stale")):
        code, _, err = desk.type(*words, "--set", "factor=3", "--root", desk.root)
        assert (code, "another folder" in err) == (2, True)
        code, _, told = typed(desk.printed(err, words[0]))
        assert code == 0, told
    assert set(desk.status()[SECOND].values()) == {"fresh"}
    # whoever says it has it
    assert desk.type("run", NAME, "--date", SECOND, "--set", 'folder="gone"', "--root", desk.root)[0] != 0


def test_another_setting_than_the_source_is_told_and_not_refused(desk: Desk) -> None:
    desk.deliver(day01="1")
    assert desk.run(FIRST)[0] == 0
    words = setting_words({"folder": str(desk.folder)})
    code, _, err = desk.type("run", NAME, "--date", FIRST, *words, "--root", desk.root)
    assert (code, "production was made with --set factor=3" in err) == (0, True)


def test_missing_days_are_made_by_the_command_that_is_told(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="1", day02="2")
    code, _, err = desk.run(SECOND, "--no-upstream")
    assert code == 2
    assert typed(desk.printed(err, "run"))[0] == 0
    assert set(desk.status()[SECOND].values()) == {"fresh"}


def test_a_failed_run_is_redone_by_what_why_prints(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="one")
    code, out, _ = desk.run(FIRST, "--json")
    assert code == 1
    _, why, _ = desk.type("why", json.loads(out)["run_id"], "--root", desk.root)
    desk.deliver(day01="7")
    assert typed(desk.printed(why, "retry"))[0] == 0
    assert set(desk.status()[FIRST].values()) == {"fresh"}


def test_an_alert_is_acknowledged_and_its_run_redone(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="one")
    desk.run(FIRST)
    (case,) = all_cases(Objects(desk.root))
    text = body(case, desk.root)
    desk.deliver(day01="7")
    assert typed(desk.printed(text, "retry"))[0] == 0
    assert typed(desk.printed(text, "alerts", "ack"))[0] == 0
    (case,) = all_cases(Objects(desk.root))
    assert case.acknowledged


def test_a_backfill_is_redone_and_published(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="1", day02="two")
    words = ("backfill", NAME, "--from", FIRST, "--to", SECOND, "--version", "v-1", *desk.settings)
    code, _, err = desk.type(*words, "--root", desk.root)
    assert code == 1
    retry = desk.printed(err, "retry")
    code, _, refused = desk.type("backfill", "promote", NAME, "v-1", "--root", desk.root)
    assert (code, desk.printed(refused, "retry")) == (2, retry)
    desk.deliver(day02="2")
    code, _, err = typed(retry)
    assert code == 0
    assert typed(desk.printed(err, "backfill", "promote"))[0] == 0
    assert set(desk.status()[SECOND].values()) == {"fresh"}


def test_dead_letters_are_rebuilt_from_the_same_source(desk: Desk, typed: Type) -> None:
    desk.deliver(day01="1 900", day02="2")
    assert (desk.run(FIRST)[0], desk.run(SECOND)[0]) == (0, 0)
    _, out, _ = desk.type("dlq", "reprocess", NAME, "--delay", "0s", "--root", desk.root)
    code, _, told = typed(desk.printed(out, "backfill"))
    assert code == 0, told
    assert typed(desk.printed(told, "backfill", "promote"))[0] == 0
    assert {step for steps in desk.status().values() for step in steps.values()} == {"fresh"}


def test_a_secret_setting_is_masked_and_comes_from_the_environment(
    desk: Desk, typed: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.deliver(day01="1", day02="2")
    variable = "COUNTERPOINT_SETTING_API_TOKEN"
    monkeypatch.setenv(variable, '"s3cr3t-t0ken"')
    code, _, err = desk.run(SECOND, "--no-upstream", "--set", 'api_token="s3cr3t-t0ken"')
    assert (code, "s3cr3t" in err) == (2, False)
    line = desk.printed(err, "run")
    assert typed(line)[0] == 0
    monkeypatch.delenv(variable)
    code, _, err = typed(line)
    assert (code, variable in err) == (2, True)


@pytest.mark.parametrize(
    "config", [{"source": "/a b/c,profile=/d e/f.toml"}, {"source": "s3://b/k"}, {"x": {"y": [1, "it's"]}}, {"n": None}]
)
def test_settings_come_back_as_they_were_given(config: dict[str, Any]) -> None:
    from counterpoint.cli.parser import parser
    from counterpoint.cli.run import settings

    words = shlex.split(command("status", NAME, root="/r", config=config))[1:]
    assert settings(parser().parse_args(words)) == config


def test_no_command_is_printed_but_by_the_one_that_makes_them() -> None:
    """A command in a text of its own forgets what the run was given."""
    core = Path(main.__code__.co_filename).parents[1]
    typed_out = re.compile(r"f\".*counterpoint (run|backfill|retry|status|why|dlq|migrate|up|down|alerts) ")
    for path in core.rglob("*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not typed_out.search(line), f"{path}:{number}"
