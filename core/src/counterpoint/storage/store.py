"""The store of one pipeline and version: outputs written by kind, published entry by entry, read by reference."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StepError
from counterpoint.model import OutputKind, Reference, load
from counterpoint.storage.catalogue import Catalogue
from counterpoint.storage.digests import canonical, content_digest, json_digest, model_digest
from counterpoint.storage.models import decode, encode
from counterpoint.storage.objects import guarded
from counterpoint.storage.tables import read_partition, replace_partition

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.model import Step


class Store(Catalogue):
    """What a pipeline has stored below a root, in one version of its data."""

    def write(self, step: Step, partition: str, value: Any, settings_hash: str) -> Reference:
        """Writes an output; it is not published yet, so nobody who reads by the catalogue sees it.

        Raises:
            StorageError: the root cannot be written.
            StepError: a table has a column that is not kept.
            UsageError: the version was promoted or is being dropped.
        """
        self.refuse_closed()
        if step.output.kind is OutputKind.TABLE:
            return self._write_table(step, partition, value)
        if step.output.kind is OutputKind.MODEL:
            return self._write_files(step, partition, settings_hash, encode(value), model_digest(value))
        text = json.dumps(value, sort_keys=True, allow_nan=False).encode()
        return self._write_files(step, partition, settings_hash, {"value.json": text}, json_digest(value))

    def _write_table(self, step: Step, partition: str, frame: pl.DataFrame) -> Reference:
        column = self._column(step.name)
        if column in frame.columns:
            raise StepError(
                f"the output of {step.name} has a column {column!r}, which names the partitions of its table and"
                " would be lost: rename it"
            )
        rows = canonical(frame)
        uri = self.uri(f"tables/{self.version}/{self.pipeline.name}/{step.name}")
        written = replace_partition(uri, rows, column, partition)
        digest = content_digest(rows, is_canonical=True)
        size, version = written.bytes, written.version
        return Reference(step.name, partition, OutputKind.TABLE, uri, version, rows.height, size, digest)

    def _write_files(
        self, step: Step, partition: str, settings_hash: str, files: dict[str, bytes], digest: str
    ) -> Reference:
        # the digest in the path keeps what an older entry refers to as it is while this one is written
        place = f"{self.pipeline.name}/{step.name}/{partition}/{settings_hash}-{digest[7:19]}"
        folder = f"artifacts/{self.version}/{place}"
        for name, data in files.items():
            self.put(f"{folder}/{name}", data)
        size = sum(len(data) for data in files.values())
        return Reference(step.name, partition, step.output.kind, self.uri(folder), None, None, size, digest)

    def read(self, reference: Reference) -> Any:
        """The value that a reference refers to: a frame, a `Model`, or a JSON value.

        Raises:
            StorageError: it is not there any more.
        """
        if reference.kind == OutputKind.TABLE:
            column = self._column(reference.step)
            return read_partition(reference.uri, reference.table_version, column, reference.partition)
        folder = self.path(reference.uri)
        if reference.kind == OutputKind.MODEL:
            return decode(self.must(f"{folder}/weights.safetensors"), self.must(f"{folder}/model.json"))
        return json.loads(self.must(f"{folder}/value.json"))

    def must(self, path: str) -> bytes:
        """The object at a path that refers to something.

        Raises:
            StorageError: it is not there any more.
        """
        with guarded(self.uri(path)):
            found = self.get(path)
            if found is None:
                raise FileNotFoundError("no such object")
            return found

    def _column(self, step: str) -> str | None:
        partitioned = self.pipeline.step(step).output.partitioned
        return self.pipeline.partitions.kind.value if partitioned else None

    def partial(self, reference: Reference, function: str, code_digest: str) -> pl.DataFrame:
        """The result of `function` on the table of a reference: computed once per content and code, then read."""
        import polars as pl

        name = function.replace(":", ".")
        inputs, code = reference.digest[7:39], code_digest[7:23]
        path = f"partials/{self.pipeline.name}/{reference.step}/{name}/{inputs}-{code}.parquet"
        stored = self.get(path)
        if stored is not None:
            return pl.read_parquet(stored)
        made: pl.DataFrame = load(function)(self.read(reference))
        buffer = BytesIO()
        made.write_parquet(buffer)
        self.put(path, buffer.getvalue())
        return made
