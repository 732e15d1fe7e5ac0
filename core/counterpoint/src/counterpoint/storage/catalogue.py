"""The published outputs of a pipeline in one version of its data; other versions are layered over production."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cached_property
from itertools import count, takewhile
from typing import TYPE_CHECKING
from uuid import uuid4

from counterpoint.errors import UsageError
from counterpoint.model import PRODUCTION, OutputKind, conditions
from counterpoint.storage import layout
from counterpoint.storage.digests import json_digest
from counterpoint.storage.journal import decoded, encoded, finish, read
from counterpoint.storage.objects import Objects
from counterpoint.storage.production import align
from counterpoint.storage.tags import check_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from counterpoint.model import ArtifactRef, Materialization, Pipeline, When


class Catalogue(Objects):
    """The entries of a pipeline in one version of its data.

    Raises:
        UsageError: No version can have that tag.
    """

    def __init__(self, root: str, pipeline: Pipeline, version: str = PRODUCTION) -> None:
        super().__init__(root)
        self.pipeline = pipeline
        self.version = version if version == PRODUCTION else check_tag(version)

    def publish(self, entry: Materialization) -> None:
        """Publishes an output as the current one of its step and partition, in one atomic put.

        Raises:
            UsageError: The version was promoted or is being dropped.
        """
        if self.version == PRODUCTION:
            self._publish_to_production(entry)
            return
        self.refuse_closed()
        self.put(self._path(entry), encoded(self, entry, uuid4().hex))
        # an entry that was put during a promotion may have missed it, which must not count as success
        self.refuse_closed()

    def _publish_to_production(self, entry: Materialization) -> None:
        before = finish(self, self.pipeline.name)
        while True:
            self.put_among_swaps(self._path(entry), encoded(self, entry, uuid4().hex))
            after = finish(self, self.pipeline.name)
            if after.found == before.found:
                break
            # a promotion in between may cover the entry: the entry is put again, because the last publication wins
            before = after
        if entry.reference.kind == OutputKind.TABLE:
            self._align(entry.reference)

    def _align(self, reference: ArtifactRef) -> None:
        """Updates production's table to the published entry; of several concurrent publications the last one wins."""
        key = reference.partition
        if not self.pipeline.step(reference.step).output.partitioned:
            key = max(self.keys(reference.step), default=key)
        while True:
            entry = self.own_entry(reference.step, key)
            align(self, self.pipeline.name, reference.step, key, entry)
            if self.own_entry(reference.step, key) == entry:
                return

    def keys(self, step: str) -> list[str]:
        """The partitions for which this version itself has entries of a step, including removed ones."""
        paths = self.list(layout.catalog_folder(self.version, self.pipeline.name, step))
        return [layout.name_of(path) for path in paths]

    def _path(self, entry: Materialization) -> str:
        reference = entry.reference
        return layout.catalog_entry(self.version, self.pipeline.name, reference.step, reference.partition)

    def pin(self, entry: Materialization) -> None:
        """Publishes production's entry in this version, too, so that later changes of production do not affect it."""
        reference = entry.reference
        if self.version != PRODUCTION and self.own_entry(reference.step, reference.partition) is None:
            self.publish(entry)

    def entry(self, step: str, partition: str) -> Materialization | None:
        """The published entry of a step and partition, in this version or else in production, or None."""
        if self.is_skipped(step, partition):
            return None
        own = self._own(step, partition)
        return own if own or self.version == PRODUCTION else self._in_production(step, partition)

    def own_entry(self, step: str, partition: str) -> Materialization | None:
        """The published entry of a step and partition in this version itself, or None."""
        return None if self.is_skipped(step, partition) else self._own(step, partition)

    def is_skipped(self, step: str, partition: str) -> bool:
        """Whether the choices of branches skip a step of a partition; its earlier entries do not count then.

        The branch's own entry decides, so that one put both publishes a choice and withdraws what was not chosen.
        """
        key = partition.partition(".")[0]
        return any(self._choice(when.step, key) not in {None, when.choice} for when in self._conditions[step])

    @cached_property
    def _conditions(self) -> Mapping[str, frozenset[When]]:
        return defaultdict(frozenset, conditions(self.pipeline))

    def _choice(self, branch: str, partition: str) -> str | None:
        """The choice of a branch; None when there is none or it is lost, so that the branch runs again."""
        entry = self.entry(branch, partition)
        if entry is None:
            return None
        stored = self.get(layout.artifact_file(self.path(entry.reference.uri, layout.ARTIFACTS), layout.VALUE))
        try:
            choice = json.loads(stored or b"null")
        except (ValueError, RecursionError):
            return None
        return choice if json_digest(choice) == entry.reference.digest else None

    def withdraw(self, partition: str) -> None:
        """Removes from this version the entries that steps left for a partition before a branch chose otherwise."""
        for step in (name for name, needed in self._conditions.items() if needed):
            for key in self._keys(step, partition) if self.is_skipped(step, partition) else ():
                self.delete(layout.catalog_entry(self.version, self.pipeline.name, step, key))
                if self.version == PRODUCTION and self.pipeline.step(step).output.kind is OutputKind.TABLE:
                    align(self, self.pipeline.name, step, key, None)

    def _keys(self, step: str, partition: str) -> Iterator[str]:
        """The partition, or its elements, for which this version has an entry."""
        mapped = self.pipeline.step(step).map_over is not None
        keys = (f"{partition}.{index}" for index in count()) if mapped else [partition]
        return takewhile(lambda key: self._stored(self.version, step, key), keys)

    def _own(self, step: str, partition: str) -> Materialization | None:
        if self.version == PRODUCTION:
            return self._in_production(step, partition)
        return self._stored(self.version, step, partition)

    def _in_production(self, step: str, partition: str) -> Materialization | None:
        promoted = read(self, self.pipeline.name).entries.get(step, {}).get(partition)
        return decoded(promoted) if promoted else self._stored(PRODUCTION, step, partition)

    def _stored(self, version: str, step: str, partition: str) -> Materialization | None:
        values = self.get_json(layout.catalog_entry(version, self.pipeline.name, step, partition))
        return decoded(values) if values else None

    def entries(self, step: str) -> dict[str, Materialization]:
        """All published entries of a step, in this version or else in production, by partition, oldest first."""
        own = self._all_own(step)
        entries = own if self.version == PRODUCTION else {**self._all_in_production(step), **own}
        return self._chosen(step, dict(sorted(entries.items())))

    def own_entries(self, step: str) -> dict[str, Materialization]:
        """All published entries of a step in this version itself, by partition, oldest first."""
        return self._chosen(step, self._all_own(step))

    def _chosen(self, step: str, entries: dict[str, Materialization]) -> dict[str, Materialization]:
        return {key: entry for key, entry in entries.items() if not self.is_skipped(step, key)}

    def _all_own(self, step: str) -> dict[str, Materialization]:
        if self.version == PRODUCTION:
            return self._all_in_production(step)
        return self._all_stored(self.version, step)

    def _all_in_production(self, step: str) -> dict[str, Materialization]:
        before = read(self, self.pipeline.name)
        while True:
            stored = self._all_stored(PRODUCTION, step)
            after = read(self, self.pipeline.name)
            if after.found == before.found:
                break
            # a promotion came in between: some entries were read before it and some after, so all are read again
            before = after
        promoted = {key: decoded(value) for key, value in before.entries.get(step, {}).items()}
        return {key: entry for key, entry in sorted({**stored, **promoted}.items()) if entry is not None}

    def _all_stored(self, version: str, step: str) -> dict[str, Materialization]:
        folder = layout.catalog_folder(version, self.pipeline.name, step)
        stored = {layout.name_of(path): self.get_json(path) for path in self.list(folder)}
        entries = {key: decoded(value) for key, value in stored.items() if value}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def refuse_closed(self) -> None:
        """Refuses to change a closed version; production is never closed.

        Raises:
            UsageError: The version was promoted or is being dropped.
        """
        if self.version == PRODUCTION:
            return
        last = read(self, self.pipeline.name)
        named = f"version {self.version} of {self.pipeline.name}"
        if self.version in last.dropping:
            raise UsageError(f"{named} is being dropped: drop it again to have that done, or choose another tag")
        # the mark is put before the journal holds another promotion, so one of the two is always found
        if last.tag == self.version or self.get(layout.version_mark(self.pipeline.name, self.version)):
            raise UsageError(f"{named} was promoted, so it stays as it is: choose another tag")
