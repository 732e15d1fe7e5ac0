"""Dependencies between DAGs in the code and the templates of tasks: runs that they start, XCom that they pull."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.values import text_of

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping, Sequence

    from counterpoint_migrate.inventory.inventory_model import Uses
    from counterpoint_migrate.inventory.state import State

_STARTING = {"trigger_dag", "trigger_dagrun", "create_dagrun", "create_dag_run"}
_PULLING = {"xcom_pull", "get_one", "get_many", "get_value"}
_OTHER_DAG = re.compile(r"\bdag_id\s*=\s*(?:'([^']+)'|\"([^\"]+)\")")
_COMMAND = re.compile(r"\bairflow\s+(?:dags\s+trigger|trigger_dag)\s+")
_WITH_VALUE = {"-c", "--conf", "-e", "--exec-date", "-l", "--logical-date", "-r", "--run-id", "-o", "--output"}
_WITH_VALUE |= {"-S", "--subdir", "--run_id", "--exec_date"}


def of_call(
    state: State, uses: Uses, name: str, args: Sequence[Any], keywords: Mapping[str, Any], node: ast.AST
) -> None:
    """Notes the DAG that a call in the code of a task starts, or whose XCom it pulls."""
    tail = name.rpartition(".")[2]
    if "trigger_dag_id" in keywords:
        _add(state, uses.triggers, "trigger_dag_id", keywords["trigger_dag_id"], node)
    elif tail in _STARTING:
        _add(state, uses.triggers, "dag_id", keywords.get("dag_id", args[0] if args else None), node)
    elif tail in _PULLING and keywords.get("dag_id") is not None and (tail == "xcom_pull" or "XCom" in name):
        _add(state, uses.pulls, "dag_id", keywords["dag_id"], node)


def _add(state: State, names: dict[str, str], argument: str, value: Any, node: ast.AST) -> None:
    if isinstance(value, str) and "{{" not in value:
        names.setdefault(value, state.place(node))
    else:
        detail = f"the {argument} in the code of a task is {text_of(value) if value is not None else 'not given'}"
        state.unresolved("external_id", node, detail)


def of_pull(uses: Uses, arguments: str, place: str) -> None:
    """Notes the other DAG in the arguments of an `xcom_pull` in a template."""
    match = _OTHER_DAG.search(arguments)
    if match is not None:
        uses.pulls.setdefault(match[1] or match[2], place)


def of_command(uses: Uses, command: str, place: str) -> None:
    """Notes the DAGs that a shell command starts by Airflow's command line."""
    for match in _COMMAND.finditer(command):
        words = iter(_words(command[match.end() :].partition("\n")[0]))
        for word in words:
            if word in _WITH_VALUE:
                next(words, None)
            elif not word.startswith("-"):
                uses.triggers.setdefault(word, place)
                break


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(takewhile(lambda word: not set(word) <= set(";|&()<>"), lexer))
    except ValueError:  # a quote that does not end on this line
        return []
