"""Strongly connected groups of a graph, and a circle through one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Edge = tuple[str, str]


def graph(nodes: Iterable[str], edges: Iterable[Edge]) -> Any:
    """A directed graph of networkx, which is imported now: planning alone needs it."""
    import networkx as nx

    made = nx.DiGraph()
    made.add_nodes_from(nodes)
    made.add_edges_from(edges)
    return made


def groups(nodes: Iterable[str], edges: Iterable[Edge]) -> list[tuple[str, ...]]:
    """Nodes that reach each other, each group sorted, by its first node; a node on no circle is a group of its own."""
    from networkx import strongly_connected_components

    return sorted(tuple(sorted(found)) for found in strongly_connected_components(graph(nodes, edges)))


def circle(members: Collection[str], edges: Iterable[Edge]) -> tuple[str, ...]:
    """A shortest circle through the first of nodes that reach each other; it ends where it begins."""
    from networkx import single_source_shortest_path

    # sorted and walked backwards, so that of several shortest ones the same is found wherever it is looked for
    back = graph((), sorted((later, before) for before, later in edges if before in members and later in members))
    first = min(members)
    ways = single_source_shortest_path(back, first)
    nearest = min((ways[node] for node in back.predecessors(first)), key=lambda way: (len(way), way))
    return (first, *reversed(nearest))


def reached(nodes: Iterable[str], edges: Iterable[Edge]) -> dict[str, set[str]]:
    """All nodes that come after each node, without itself."""
    from networkx import descendants

    made = graph(nodes, edges)
    return {node: set(descendants(made, node)) for node in made}
