"""Strongly connected groups of a graph, and a circle through one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Edge = tuple[str, str]


def after_of(edges: Iterable[Edge]) -> dict[str, list[str]]:
    """What comes directly after each node, sorted."""
    found: dict[str, set[str]] = {}
    for before, later in edges:
        found.setdefault(before, set()).add(later)
    return {node: sorted(nodes) for node, nodes in found.items()}


def groups(nodes: Iterable[str], edges: Iterable[Edge]) -> list[tuple[str, ...]]:
    """Nodes that reach each other, each group sorted, by its first node; a node on no circle is a group of its own."""
    edges = list(edges)
    forward, backward = after_of(edges), after_of((later, before) for before, later in edges)
    seen: set[str] = set()
    finished: list[str] = []
    for node in sorted(nodes):
        finished += _walk(node, forward, seen)
    seen.clear()
    return sorted(tuple(sorted(found)) for node in reversed(finished) if (found := _walk(node, backward, seen)))


def _walk(start: str, after: Mapping[str, list[str]], seen: set[str]) -> list[str]:
    """The nodes that a node reaches and nobody has seen, in the order in which their own walks end."""
    if start in seen:
        return []
    seen.add(start)
    ended, stack = list[str](), [(start, iter(after.get(start, ())))]
    while stack:
        node, rest = stack[-1]
        following = next((one for one in rest if one not in seen), None)
        if following is None:
            ended.append(node)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(after.get(following, ()))))
    return ended


def circle(members: Collection[str], edges: Iterable[Edge]) -> tuple[str, ...]:
    """A shortest circle through the first of nodes that reach each other; it ends where it begins."""
    after = after_of((a, b) for a, b in edges if a in members and b in members)
    first = min(members)
    ways: dict[str, tuple[str, ...]] = {node: (first, node) for node in after.get(first, ())}
    newest = list(ways)
    while newest and first not in ways:
        found = {later: (*ways[node], later) for node in reversed(newest) for later in after.get(node, ())}
        newest = sorted(found.keys() - ways.keys())
        ways |= {node: found[node] for node in newest}
    return ways[first]


def reached(node: str, after: Mapping[str, list[str]]) -> set[str]:
    """All nodes that come after one, without itself."""
    return set(_walk(node, after, set())) - {node}
