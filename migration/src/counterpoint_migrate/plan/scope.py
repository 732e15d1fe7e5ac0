"""Which DAGs of an inventory move as one, and what is known and not known of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from counterpoint_migrate.inventory.inventory_model import Dependency
from counterpoint_migrate.inventory.subdags import roots
from counterpoint_migrate.plan.plans import in_file_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint_migrate.inventory.inventory_model import Dag, Inventory, Unresolved


class Scope:
    """The DAGs by what they move as: SubDAGs with their parent, those that share an id together."""

    def __init__(self, found: Inventory) -> None:
        self.root = roots(found.dags)
        self.dags: dict[str, list[Dag]] = {}
        for dag in sorted(found.dags, key=lambda dag: dag.parent is not None):
            self.dags.setdefault(self.root[dag.key], []).append(dag)
        self.dependencies = sorted(self._dependencies(found), key=_ends)
        self.around: dict[str, list[Dependency]] = {}
        for one in self.dependencies:
            for end in {one.upstream, one.downstream}:
                self.around.setdefault(end, []).append(one)
        self.unresolved = self._unresolved(found)

    def _dependencies(self, found: Inventory) -> Iterator[Dependency]:
        """The dependencies between what moves: none between a DAG and its own SubDAG."""
        for one in (*found.dependencies, *_assets_from_outside(found)):
            upstream, downstream = (self.root.get(end, end) for end in (one.upstream, one.downstream))
            if upstream != downstream or one.upstream == one.downstream:
                yield replace(one, upstream=upstream, downstream=downstream)

    def _unresolved(self, found: Inventory) -> dict[str, list[Unresolved]]:
        """What is not known of each DAG: by the DAG in which it was found, else by place, else by file."""
        at: dict[str, set[str]] = {}
        files: dict[str, set[str]] = {}
        for dag in found.dags:
            files.setdefault(dag.file, set()).add(self.root[dag.key])
            for place in (dag.place, *(task.place for task in dag.tasks)):
                at.setdefault(place, set()).add(self.root[dag.key])
        unresolved: dict[str, list[Unresolved]] = {}
        for entry in found.unresolved:
            concerned = {self.root[key] for key in found.concerns.get(entry, ()) if key in self.root}
            file, _ = in_file_order(entry.place)
            for dag_key in concerned or at.get(entry.place) or files.get(file, set()):
                unresolved.setdefault(dag_key, []).append(entry)
        return unresolved


def _assets_from_outside(found: Inventory) -> Iterator[Dependency]:
    """What DAGs wait for that no task of the folder makes: their upstreams are the assets themselves."""
    made = {asset for dag in found.dags for task in dag.tasks for asset in task.outlets}
    for dag in found.dags:
        for asset in dag.schedule["assets"]:
            if asset not in made:
                yield Dependency(asset, dag.key, "asset", "certain", dag.place, asset, outside=True)


def _ends(one: Dependency) -> tuple[str, ...]:
    return one.upstream, one.downstream, one.kind, one.place, one.detail
