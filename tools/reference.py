"""The pages of the reference: the command line from its parser, the JSON schemas from their files, the API by name."""

from __future__ import annotations

import argparse
import json
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# what a pipeline, a hook, an adapter or a test of one's own is written with; a page each
API = {
    "counterpoint": "Reading results",
    "counterpoint.model": "Pipelines and steps",
    "counterpoint.contracts": "Contracts",
    "counterpoint.errors": "Errors",
    "counterpoint.runtime.hooks": "Hooks",
    "counterpoint.adapter": "Adapters",
    "counterpoint.testing": "Conformance kit",
    "counterpoint_airflow.bridges": "Bridges on Airflow",
    "counterpoint_dagster.bridges": "Bridges on Dagster",
}
# what the parser leaves to the reader
_PLAIN = {
    "PIPELINE": "a registered name, or package.module:object",
    "ORCHESTRATOR": "airflow, dagster, prefect, or another",
}
_USAGE_WIDTH = 92

Commands = dict[str, argparse.ArgumentParser]


def command_page(top: argparse.ArgumentParser) -> str:
    """The page of the command line.

    Args:
        top: The parser of the whole command line.

    Returns:
        Markdown, a section for each command and for each of its actions that has options of its own.
    """
    commands = subcommands(top)
    shared = _shared(list(commands.values()))
    lines = ["# Command line", "", f"{top.description}", "", *_common(top, commands, shared)]
    for name, command in commands.items():
        lines += _section(f"{top.prog} {name}", command, shared, "##")
        for action, parser in subcommands(command).items():
            lines += _section(f"{top.prog} {name} {action}", parser, shared, "###")
    return "\n".join(lines)


def subcommands(parser: argparse.ArgumentParser) -> Commands:
    """The parsers of a parser's subcommands, by name and in its order."""
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public way to ask
            return dict(action.choices)
    return {}


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found = parser._actions  # noqa: SLF001 - argparse has no public way to ask
    return [action for action in found if action.dest != "help"]


def _shared(parsers: list[argparse.ArgumentParser]) -> set[str]:
    """The options that every command has."""
    options = [{option for action in _actions(parser) for option in action.option_strings} for parser in parsers]
    return set.intersection(*options)


def _common(top: argparse.ArgumentParser, commands: Commands, shared: set[str]) -> Iterator[str]:
    yield from (*_summaries(top, commands), "")
    first = next(iter(commands.values()))
    yield from ("Every command takes these options:", "", *_table(first, shared=shared), "")
    codes = (top.epilog or "").partition(": ")
    yield from (f"**{codes[0].capitalize()}:** {codes[2]}.", "")


def _summaries(top: argparse.ArgumentParser, commands: Commands) -> Iterator[str]:
    yield from ("| command | what it does |", "|---|---|")
    for name, command in commands.items():
        yield f"| [`{name}`](#{top.prog}-{name}) | {_cell(command.description or '')} |"


def _section(title: str, parser: argparse.ArgumentParser, shared: set[str], level: str) -> Iterator[str]:
    description = (parser.description or "").strip()
    sentence = description[:1].upper() + description[1:]
    yield from (f"{level} {title}", "", f"{_text(sentence)}.", "")
    parser.formatter_class = partial(argparse.HelpFormatter, width=_USAGE_WIDTH)
    yield from ("```text", parser.format_usage().removeprefix("usage: ").rstrip(), "```", "")
    rows = list(_table(parser, without=shared))
    yield from ([*rows, ""] if rows else [])
    yield from _example(parser)


def _example(parser: argparse.ArgumentParser) -> Iterator[str]:
    heading, _, lines = (parser.epilog or "").partition("\n")
    if lines:
        yield from (f"{heading.capitalize()}", "", "```sh", dedent(lines), "```", "")


def _table(
    parser: argparse.ArgumentParser, *, shared: set[str] | None = None, without: set[str] | None = None
) -> Iterator[str]:
    """The rows of the options of a parser: those that are shared, or all without those."""
    rows = [
        f"| {_name(action)} | {_cell(_meaning(parser, action))} |"
        for action in _actions(parser)
        if not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - argparse has no public way to ask
        and (shared is None or shared & set(action.option_strings))
        and not (without or set()) & set(action.option_strings)
    ]
    if rows:
        yield from ("| argument | meaning |", "|---|---|", *rows)


def _name(action: argparse.Action) -> str:
    value = action.metavar or ("" if action.nargs == 0 else _choices(action) or action.dest.upper())
    value = " ".join(value) if isinstance(value, tuple) else value
    names = list(action.option_strings) or [value]
    shown = [f"{name} {value}" if action.option_strings and value and action.nargs != 0 else name for name in names]
    return ", ".join(f"`{name}`" for name in shown)


def _choices(action: argparse.Action) -> str:
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    if not action.help:
        return f"default {action.default}" if action.choices and action.default else _PLAIN.get(str(action.metavar), "")
    values: Mapping[str, object] = {**vars(action), "prog": parser.prog}
    return _text(action.help % values)


def _text(words: str) -> str:
    return words.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")


def _cell(words: str) -> str:
    return words.replace("|", r"\|")


def schema_page(folder: Path, address: str) -> str:
    """The page of the JSON schemas.

    Args:
        folder: Where they lie.
        address: That folder, as seen from the page.

    Returns:
        Markdown, a row for each schema with what it describes.
    """
    rows = [
        f"| [{file.name}]({address}/{file.name}) | {_cell(_title(file))} |"
        for file in sorted(folder.glob("*.schema.json"))
    ]
    intro = (
        "With `--json` a command writes one JSON document to stdout. Each document has a JSON Schema, and the tests"
        " hold every output against it."
    )
    return "\n".join(["# JSON schemas", "", intro, "", "| schema | document |", "|---|---|", *rows, ""])


def _title(file: Path) -> str:
    schema = json.loads(file.read_text(encoding="utf-8"))
    return ". ".join(filter(None, (schema["title"], schema.get("description"))))


def api_pages() -> dict[str, str]:
    """The pages of the Python API, by file name; mkdocstrings fills them from docstrings."""
    return {f"{name}.md": f"---\ntitle: {title}\n---\n\n# `{name}`\n\n::: {name}\n" for name, title in API.items()}


def decision_list(folder: Path) -> str:
    """The list of the decisions, as Markdown, for the page beside them."""
    files = [file for file in sorted(folder.glob("*.md")) if file.name != "index.md"]
    rows = [f"| {file.name.partition('-')[0]} | [{_cell(_heading(file))}]({file.name}) |" for file in files]
    return "\n".join(["| number | decision |", "|---|---|", *rows, ""])


def _heading(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
