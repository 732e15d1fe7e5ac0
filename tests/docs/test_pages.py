"""Every command that a page of the documentation shows is one that the command line takes; its examples run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from counterpoint.cli.parser import parser
from counterpoint.model import groups_of

DOCS = Path(__file__).resolve().parents[2] / "docs"
# what a person follows shows commands; decisions are records, and their pages are not read for commands
GUIDES = ("how-to", "tutorial")
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.parent.name != "decisions")
TEXT = {page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}

# of the shell: a date, or a part of a run id
VARIABLE = re.compile(r"\$[A-Z]+")


def fenced(page: str, language: str = r"\w*") -> list[str]:
    return re.findall(rf"^```{language}(?: [^\n]*)?\n(.*?)^```", TEXT[page], re.DOTALL | re.MULTILINE)


def shown(page: str) -> list[str]:
    lines = [line.removeprefix(".venv/bin/") for block in fenced(page) for line in block.splitlines()]
    return [line.partition("#")[0] for line in lines if line.startswith("counterpoint ")]


def commands() -> list[tuple[str, str]]:
    found = []
    for page, text in TEXT.items():
        inline = re.findall(r"`(counterpoint [a-z]+ [^`…]+)`", text)
        found += [(page, re.sub(r"\[.*?\]", "", one).strip()) for one in [*shown(page), *inline]]
    return sorted(set(found))


def test_the_pages_show_commands() -> None:
    assert len(commands()) > 30
    guides = {page for page in TEXT if page.startswith(GUIDES)}
    assert len(guides) > 15
    assert [page for page in sorted(guides) if not shown(page)] == []


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_is_taken(page: str, command: str) -> None:
    words = shlex.split(VARIABLE.sub("2026-01-07", command))[1:]
    if words == ["run", "--json"]:
        return  # the name of what it prints
    assert parser().parse_args(words).command == words[0]


def test_the_example_of_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/orders.py").write_text("def read(partition): ...\n", encoding="utf-8")
    (tmp_path / "shop/train.py").write_text("def fit(orders): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (example,) = fenced("how-to/resources.md", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "resources.md", "exec"), names)  # noqa: S102 - the page's own example
    orders, model = names["nightly"].steps
    assert (orders.owner, orders.env, model.owner) == ("team:data", {"TZ": "Europe/Paris"}, "ann@example.org")
    assert (model.resources.memory_bytes, model.resources.threads, model.tags) == (4 * 1024**3, 2, {"tier": "gold"})


def test_the_example_of_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/orders.py").write_text("def read(partition): ...\n", encoding="utf-8")
    prepare = "def clean(orders): ...\ndef features(clean): ...\ndef labels(clean): ...\n"
    (tmp_path / "shop/prepare.py").write_text(prepare, encoding="utf-8")
    (tmp_path / "shop/train.py").write_text("def fit(features, labels): ...\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (example,) = fenced("how-to/groups.md", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "groups.md", "exec"), names)  # noqa: S102 - the page's own example
    assert groups_of(names["nightly"]) == {"prepare": ("clean", "features", "labels")}


def test_the_example_of_waiting() -> None:
    (example,) = fenced("how-to/waiting.md", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "waiting.md", "exec"), names)  # noqa: S102 - the page's own example
    assert names["marker"]("s3://lake/{partition}/_SUCCESS").of("2026-01-07") == "marker s3://lake/2026-01-07/_SUCCESS"


def test_the_example_of_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = fenced("how-to/partitions.md", "python")
    (tmp_path / "shop").mkdir()
    steps = "def orders(partition):\n    return partition.key\n\n\ndef trend(weeks):\n    return len(weeks)\n"
    (tmp_path / "shop/steps.py").write_text(steps)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(example, "partitions.md", "exec"), names)  # noqa: S102 - the page's own example
    week = names["sales"].partitions.partition("2026-03-23")
    assert ((week.end - week.start).days, (week.end - week.start).seconds, f"{week.day}") == (
        6,
        23 * 3600,
        "2026-03-23",
    )


def test_the_examples_of_extending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    from counterpoint.adapter import Adapter
    from counterpoint.testing import SCENARIOS, check_behaviour, check_round_trip

    adapter, _, command = fenced("explanation/extending.md", "python")
    names: dict[str, Any] = {}
    exec(compile(adapter, "extending.md", "exec"), names)  # noqa: S102 - the page's own example
    assert isinstance(names["ADAPTER"], Adapter)
    linear = next(scenario for scenario in SCENARIOS if scenario.name == "linear")
    check_round_trip(names["ADAPTER"], linear)
    check_behaviour(names["ADAPTER"], linear, tmp_path)
    module = SimpleNamespace()
    exec(compile(command, "extending.md", "exec"), vars(module))  # noqa: S102 - the page's own example
    taken = argparse.ArgumentParser(description=module.HELP)
    module.arguments(taken)
    assert module.run(taken.parse_args(["2026-01-07", "2026-01-13"])) == 0
    assert capsys.readouterr().out == "7\n"
