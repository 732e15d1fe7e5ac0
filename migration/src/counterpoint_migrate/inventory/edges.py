"""Edges between the tasks of a DAG, however they are written."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.inventory_model import Dag, Group, Task
from counterpoint_migrate.inventory.libraries import LIBRARIES
from counterpoint_migrate.inventory.values import ABSENT, Instance, Made, Perhaps, Unknown, inside, known, sure, text_of

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from counterpoint_migrate.inventory.state import State


def shifted(state: State, left: Any, right: Any, node: ast.AST, *, down: bool) -> Any:
    """`left >> right` or `left << right`; gives what the expression is worth."""
    if isinstance(right, Made) and right.name.endswith(".Label"):
        return left
    if isinstance(left, Made) and left.name.endswith(".Label"):
        return right
    for dag, task in ((left, right), (right, left)):
        if isinstance(dag, Dag):
            for member in members(task):
                _adopt(state, dag, member)
            return task
    before, after = (left, right) if down else (right, left)
    link(state, before, after, node)
    return right


def link(state: State, before: Any, after: Any, node: ast.AST) -> None:
    """An edge from each task on one side to each on the other; an end that is not known is told."""
    if state.user is not None:
        return
    befores, afters = _ends(before), _ends(after)
    for left, certain in befores:
        for right, surely in afters:
            _link(state, left, right, certain=certain and surely, node=node)
    if not (befores or afters or state.dag is not None or _foreign(before) or _foreign(after)):
        return  # numbers are shifted
    for side, others, word in ((before, afters, "before"), (after, befores, "after")):
        if _is_open(side):
            names = ", ".join(text_of(other) for other, _ in others[:3])
            what = f"what stands {word} {names}" if names else "an end of this edge"
            state.unresolved("edge", node, f"{what} is not known: {text_of(side)}")


def _foreign(side: Any) -> bool:
    """Whether it was made by something outside the folder that may make tasks."""
    root = side.name.partition(".")[0] if isinstance(side, Made) else ""
    return bool(root) and root not in LIBRARIES and root not in sys.stdlib_module_names


def _is_open(side: Any) -> bool:
    """Whether an end holds more than the tasks and groups that are seen."""
    if isinstance(side, list | tuple | Perhaps):
        return any(map(_is_open, side if isinstance(side, list | tuple) else [side.value]))
    if isinstance(side, Unknown) and side.options:
        return any(_is_open(option) for option in side.options if option is not ABSENT and option is not None)
    if isinstance(side, Instance):
        return not side.native
    return not (known(side) or isinstance(side, Task | Group | Dag))


def _ends(value: Any, *, certain: bool = True) -> list[tuple[Task | Group, bool]]:
    """The tasks and groups that are an end, and whether they certainly are."""
    if isinstance(value, Task | Group):
        return [(value, certain)]
    if isinstance(value, list | tuple):
        return [end for element in value for end in _ends(element, certain=certain)]
    if isinstance(value, Perhaps):
        return _ends(value.value, certain=False)
    if isinstance(value, Unknown):
        return [end for option in value.options for end in _ends(option, certain=False)]
    return [end for native in value.native for end in _ends(native)] if isinstance(value, Instance) else []


def _link(state: State, left: Task | Group, right: Task | Group, *, certain: bool, node: ast.AST) -> None:
    dags = [dag for side in (left, right) for task in _tasks(side) if (dag := task.dag) is not None]
    dag = dags[0] if dags else state.dag
    if dag is None:
        return
    for side in (left, right):
        _adopt(state, dag, side)
    doubt = state.doubt if certain else "it depends on what is not known"
    for before, leaves in _edge_of(dag, left, down=True):
        for after, begins in _edge_of(dag, right, down=False):
            dag.link((before, after), certain=doubt is None and leaves and begins)
    if doubt is not None and not any(task.loop or task.condition for side in (left, right) for task in _tasks(side)):
        detail = f"the edge from {text_of(left)} to {text_of(right)} is made only if {doubt}"
        state.unresolved("condition", node, detail)


def _edge_of(dag: Dag, side: Task | Group, *, down: bool) -> list[tuple[Task | Group, bool]]:
    """The last (or first) tasks of a group as it is now, and whether they certainly are; tasks added later are none."""
    if isinstance(side, Task) or not side.tasks:
        return [(side, True)]
    members_of, ends = set(side.tasks), list[tuple[Task | Group, bool]]()
    for task in side.tasks:
        inner = [other for other in dag.neighbours(task, down=down) if other in members_of]
        if not any(dag.certain(task, other) for other in inner):
            ends.append((task, not inner))
    return ends


def _adopt(state: State, dag: Dag, side: Task | Group) -> None:
    """A task of no DAG is put into the DAG that it is linked to."""
    for task in _tasks(side):
        if task.dag is None:
            state.facts.loose.pop(task, None)
            task.dag = dag
            dag.tasks.append(task)


def _tasks(side: Task | Group) -> list[Task]:
    return [side] if isinstance(side, Task) else side.tasks


def members(value: Any) -> list[Task | Group]:
    """The tasks and groups in a value."""
    return [one for one in inside(value) if isinstance(one, Task | Group)]


def passed(state: State, value: Any, task: Task, node: ast.AST) -> None:
    """Tasks whose outputs are an argument of another come before it, and give it a value by XCom."""
    for before in members(value):
        if before is not task and not (isinstance(before, Group) and task in before.tasks):
            certain = not any(isinstance(one, Perhaps | Unknown) and before in inside(one) for one in inside(value))
            _link(state, before, task, certain=certain, node=node)
            name = before.id if isinstance(before, Task) else before.prefix
            task.uses.add_xcom("argument", name)


def chained(state: State, name: str, args: Sequence[Any], node: ast.AST) -> None:
    """`chain`, `chain_linear` and `cross_downstream`."""
    if name == "cross_downstream":
        given = args[:2]
        if len(given) == 2:  # noqa: PLR2004 - from and to
            link(state, given[0], given[1], node)
        return
    plain = [arg for arg in args if not (isinstance(arg, Made) and arg.name.endswith(".Label"))]
    for left, right in pairwise(plain):
        if name == "chain" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
            if sure(left) and sure(right):
                for one, other in zip(left, right, strict=False):
                    link(state, one, other, node)
            else:
                state.unresolved("edge", node, f"how {text_of(left)} and {text_of(right)} are paired is not known")
        else:
            link(state, left, right, node)
    if not sure(args):
        state.unresolved("edge", node, f"the tasks of this {name} are not known: {text_of(tuple(args))}")
