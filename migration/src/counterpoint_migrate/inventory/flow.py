"""How statements end, and branches of which it is not known whether they are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.heap import fill, merge_dicts, merge_lists, one_more, undo
from counterpoint_migrate.inventory.values import ABSENT, More, Perhaps, Unknown, join, same

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from counterpoint_migrate.inventory.heap import Frame
    from counterpoint_migrate.inventory.state import State


_COST = 20  # expressions that joining branches is worth


@dataclass(frozen=True, slots=True)
class Flow:
    """How statements end.

    Attributes:
        goes_on: whether what follows them may be reached.
        leaves: by what else they may end: return, break, continue, raise.
        unless: the condition under which what follows is reached.
    """

    goes_on: bool = True
    leaves: frozenset[str] = frozenset()
    unless: str = ""

    def without(self, *names: str) -> Flow:
        """The same outside of a loop, or of what catches what is raised."""
        left = self.leaves - set(names)
        return Flow(self.goes_on or bool(self.leaves & set(names)), left, self.unless if left else "")


GOES_ON = Flow()


def leaving(name: str) -> Flow:
    """The end of a `return`, `break`, `continue` or `raise`."""
    return Flow(goes_on=False, leaves=frozenset({name}))


def branch(
    state: State, node: ast.AST, ways: Sequence[tuple[str, Callable[[], Flow]]], *, failing: bool = False
) -> Flow:
    """Goes all of several ways, of which one is taken, and joins what they leave.

    Args:
        state: of the reading.
        node: the statement.
        ways: the condition of each, and what is done then.
        failing: the first is a `try`, the others begin where it failed.
    """
    state.step(_COST)
    ends: list[tuple[str, Flow, Frame]] = []
    for condition, run in ways:
        if failing and ends:
            before = ends[0][2]
            with state.heap.frame() as start, state.under(condition):
                _join(state, node, [("", Flow(), {}), (ends[0][0], Flow(), before)], definitions=False)
                flow = run()
        else:
            with state.heap.frame() as start, state.under(condition):
                flow = run()
        ends.append((condition, flow, undo(start)))
    ends = _possible(state, ends)
    _join(state, node, ends, definitions=failing)
    flows = [flow for _, flow, _ in ends]
    on = [(condition, flow) for condition, flow, _ in ends if flow.goes_on]
    leaves = frozenset().union(*(flow.leaves for flow in flows))
    unless = " or ".join(dict.fromkeys(flow.unless or condition for condition, flow in on)) if leaves else ""
    return Flow(bool(on), leaves, unless)


def _possible(state: State, ends: list[tuple[str, Flow, Frame]]) -> list[tuple[str, Flow, Frame]]:
    """Without the ways that raise what nobody catches: the file is not read then at all."""
    if state.tries:
        return ends
    left = [end for end in ends if end[1].goes_on or end[1].leaves != {"raise"}]
    return left or ends


def _join(state: State, node: ast.AST, ends: Sequence[tuple[str, Flow, Frame]], *, definitions: bool) -> None:
    changed = {key: container for _, _, frame in ends for key, (container, _) in frame.items()}
    local = state.scope.maps[0]
    for key, container in changed.items():
        there = [end for end in ends if container is not local or not _left(end[1])] or ends
        versions = [frame[key][1] if key in frame else container.copy() for _, _, frame in there]
        state.heap.touch(container)
        if isinstance(container, list):
            fill(container, merge_lists(versions, [condition for condition, _, _ in there]))
        else:
            own = definitions and container is local
            fill(container, merge_dicts(versions, node, definitions=own))


def _left(flow: Flow) -> bool:
    """Whether the function is left, with its names."""
    return not flow.goes_on and flow.leaves <= {"return", "raise"}


def repeated(state: State, node: ast.AST, text: str, run: Callable[[], Flow]) -> Flow:
    """Reads the body of a loop that may run any number of times."""
    state.loops.append(text)
    try:
        with state.heap.frame() as frame:
            flow = run()
    finally:
        state.loops.pop()
    for container, before in frame.values():
        _after(container, before, node, text)
    may_return = flow.leaves & {"return", "raise"}
    return Flow(goes_on=True, leaves=may_return, unless=f"the loop over {text} does not end it" if may_return else "")


def _after(container: Any, before: Any, node: ast.AST, text: str) -> None:
    """What a container may hold after a loop."""
    now = container.copy()
    if isinstance(container, list):
        if len(now) == len(before) and all(map(same, now, before)):
            return
        kept = len(before) if all(map(same, now, before)) and len(now) > len(before) else 0
        rest = [one if isinstance(one, More | Perhaps) else Perhaps(one, f"the loop over {text}") for one in now[kept:]]
        container[:] = one_more([*now[:kept], *rest, More(node)])
        return
    for key in dict.fromkeys([*before, *now]):
        value, was = now.get(key, ABSENT), before.get(key, ABSENT)
        if not same(value, was):
            container[key] = Unknown(node) if key == "**" else _either(was, value, node)


def _either(was: Any, value: Any, node: ast.AST) -> Any:
    joined = join([was, value], node)
    return joined if isinstance(joined, Unknown) else Unknown(node, (joined,))
