"""What stands of a pipeline in one version of its data; versions other than production lie over production."""

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
        UsageError: no version can have that tag.
    """

    def __init__(self, root: str, pipeline: Pipeline, version: str = PRODUCTION) -> None:
        super().__init__(root)
        self.pipeline = pipeline
        self.version = version if version == PRODUCTION else check_tag(version)

    def publish(self, entry: Materialization) -> None:
        """Makes an output the one that stands for its step and partition, in one atomic put.

        Raises:
            UsageError: the version was promoted or is being dropped.
        """
        if self.version == PRODUCTION:
            self._publish_to_production(entry)
            return
        self.refuse_closed()
        self.put(self._path(entry), encoded(self, entry, uuid4().hex))
        # what was put while somebody promoted may have come too late for it: that must not pass for done
        self.refuse_closed()

    def _publish_to_production(self, entry: Materialization) -> None:
        before = finish(self, self.pipeline.name)
        while True:
            self.put_among_swaps(self._path(entry), encoded(self, entry, uuid4().hex))
            after = finish(self, self.pipeline.name)
            if after.found == before.found:
                break
            # a promotion came in between and may lie over what was put: what is published last stands
            before = after
        if entry.reference.kind == OutputKind.TABLE:
            self._align(entry.reference)

    def _align(self, reference: ArtifactRef) -> None:
        """Has production's table hold what stands, also when several published at once; whoever is last is right."""
        key = reference.partition
        if not self.pipeline.step(reference.step).output.partitioned:
            key = max(self.keys(reference.step), default=key)
        while True:
            standing = self.own_entry(reference.step, key)
            align(self, self.pipeline.name, reference.step, key, standing)
            if self.own_entry(reference.step, key) == standing:
                return

    def keys(self, step: str) -> list[str]:
        """The partitions of which a step has entries in this version itself, also those that were taken away."""
        paths = self.list(layout.catalog_folder(self.version, self.pipeline.name, step))
        return [layout.name_of(path) for path in paths]

    def _path(self, entry: Materialization) -> str:
        about = entry.reference
        return layout.catalog_entry(self.version, self.pipeline.name, about.step, about.partition)

    def pin(self, entry: Materialization) -> None:
        """Makes what stands in production stand in this version by itself, whatever production does later."""
        reference = entry.reference
        if self.version != PRODUCTION and self.own_entry(reference.step, reference.partition) is None:
            self.publish(entry)

    def entry(self, step: str, partition: str) -> Materialization | None:
        """What stands for a step and partition, in this version or else in production, or None."""
        if self.is_skipped(step, partition):
            return None
        own = self._own(step, partition)
        return own if own or self.version == PRODUCTION else self._in_production(step, partition)

    def own_entry(self, step: str, partition: str) -> Materialization | None:
        """What stands for a step and partition in this version itself, or None."""
        return None if self.is_skipped(step, partition) else self._own(step, partition)

    def is_skipped(self, step: str, partition: str) -> bool:
        """Whether what branches chose keeps a step of a partition from running; what it left before does not stand.

        It is told by the branch's own entry, so that one put both publishes a choice and withdraws what was not chosen.
        """
        key = partition.partition(".")[0]
        return any(self._choice(when.step, key) not in {None, when.choice} for when in self._conditions[step])

    @cached_property
    def _conditions(self) -> Mapping[str, frozenset[When]]:
        return defaultdict(frozenset, conditions(self.pipeline))

    def _choice(self, branch: str, partition: str) -> str | None:
        """What a branch chose, or None when it has not, or what it chose is lost: its step then runs again."""
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
        """Removes from this version what steps left of a partition before a branch chose otherwise."""
        for step in (name for name, needed in self._conditions.items() if needed):
            for key in self._keys(step, partition) if self.is_skipped(step, partition) else ():
                self.delete(layout.catalog_entry(self.version, self.pipeline.name, step, key))
                if self.version == PRODUCTION and self.pipeline.step(step).output.kind is OutputKind.TABLE:
                    align(self, self.pipeline.name, step, key, None)

    def _keys(self, step: str, partition: str) -> Iterator[str]:
        """The partition, or the elements of it, of which this version has an entry."""
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
        found = self.get_json(layout.catalog_entry(version, self.pipeline.name, step, partition))
        return decoded(found) if found else None

    def entries(self, step: str) -> dict[str, Materialization]:
        """All that stands for a step, in this version or else in production, by partition, oldest first."""
        own = self._all_own(step)
        found = own if self.version == PRODUCTION else {**self._all_in_production(step), **own}
        return self._chosen(step, dict(sorted(found.items())))

    def own_entries(self, step: str) -> dict[str, Materialization]:
        """All that stands for a step in this version itself, by partition, oldest first."""
        return self._chosen(step, self._all_own(step))

    def _chosen(self, step: str, found: dict[str, Materialization]) -> dict[str, Materialization]:
        return {key: entry for key, entry in found.items() if not self.is_skipped(step, key)}

    def _all_own(self, step: str) -> dict[str, Materialization]:
        if self.version == PRODUCTION:
            return self._all_in_production(step)
        return self._all_stored(self.version, step)

    def _all_in_production(self, step: str) -> dict[str, Materialization]:
        before = read(self, self.pipeline.name)
        while True:
            found = self._all_stored(PRODUCTION, step)
            after = read(self, self.pipeline.name)
            if after.found == before.found:
                break
            # a promotion came in between: some were read before it and some after, so all are read again
            before = after
        promoted = {key: decoded(value) for key, value in before.entries.get(step, {}).items()}
        return {key: entry for key, entry in sorted({**found, **promoted}.items()) if entry is not None}

    def _all_stored(self, version: str, step: str) -> dict[str, Materialization]:
        folder = layout.catalog_folder(version, self.pipeline.name, step)
        found = {layout.name_of(path): self.get_json(path) for path in self.list(folder)}
        entries = {key: decoded(value) for key, value in found.items() if value}
        return {key: entry for key, entry in entries.items() if entry is not None}

    def refuse_closed(self) -> None:
        """Refuses to change a version that is closed; production never is.

        Raises:
            UsageError: the version was promoted or is being dropped.
        """
        if self.version == PRODUCTION:
            return
        last = read(self, self.pipeline.name)
        named = f"version {self.version} of {self.pipeline.name}"
        if self.version in last.dropping:
            raise UsageError(f"{named} is being dropped: drop it again to have that done, or choose another tag")
        # the mark is put before the journal tells of another promotion, so one of both is found
        if last.tag == self.version or self.get(layout.version_mark(self.pipeline.name, self.version)):
            raise UsageError(f"{named} was promoted, so it stays as it is: choose another tag")
