"""The store of one pipeline and version: outputs written by kind, published entry by entry, read by reference."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, DamagedOutputError, StepError
from counterpoint.frames import as_polars, first_as_asked
from counterpoint.model import ArtifactRef, OutputKind, load
from counterpoint.storage import layout
from counterpoint.storage.catalogue import Catalogue
from counterpoint.storage.damage import LOG
from counterpoint.storage.digests import canonical, content_digest, json_digest, model_digest
from counterpoint.storage.modelfiles import decoded, encoded, file_names, files_digest
from counterpoint.storage.models import is_weights
from counterpoint.storage.tables import opened, partition_files, read_partition, replace_partition

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from counterpoint.model import Step


class Store(Catalogue):
    """What a pipeline has stored below a root, in one version of its data."""

    def write(self, step: Step, partition: str, value: Any, settings_hash: str) -> ArtifactRef:
        """Writes an output without publishing it, so readers of the catalogue do not see it yet.

        Raises:
            StorageError: The root cannot be written.
            StepError: A table has a column of a type that is not stored.
            UsageError: The version was promoted or is being dropped.
        """
        self.refuse_closed()
        if step.output.kind is OutputKind.TABLE:
            return self._write_table(step, partition, value)
        if step.output.kind is OutputKind.MODEL:
            return self._write_files(step, partition, settings_hash, *encoded(step, value))
        text = json.dumps(value, sort_keys=True, allow_nan=False).encode()
        return self._write_files(step, partition, settings_hash, {layout.VALUE: text}, json_digest(value))

    def _write_table(self, step: Step, partition: str, frame: pl.DataFrame) -> ArtifactRef:
        column = self.column_of(step.name)
        if column in frame.columns:
            raise StepError(
                f"the output of {step.name} has a column {column!r}, which names the partitions of its table and"
                " would be lost: rename it"
            )
        rows = canonical(frame)
        uri = self.uri(layout.table_folder(self.version, self.pipeline.name, step.name))
        written = replace_partition(uri, rows, column, partition)
        digest = content_digest(rows, is_canonical=True)
        size, version = written.bytes, written.version
        return ArtifactRef(step.name, partition, OutputKind.TABLE, uri, version, rows.height, size, digest)

    def _write_files(
        self, step: Step, partition: str, settings_hash: str, files: dict[str, bytes], digest: str
    ) -> ArtifactRef:
        # with the digest in the path, the files of an older entry stay unchanged while this one is written
        folder = layout.artifact_folder(self.version, self.pipeline.name, step.name, partition, settings_hash, digest)
        for name, data in files.items():
            self.put(layout.artifact_file(folder, name), data)
        size = sum(len(data) for data in files.values())
        return ArtifactRef(step.name, partition, step.output.kind, self.uri(folder), None, None, size, digest)

    def read(self, reference: ArtifactRef) -> Any:
        """The value that a reference refers to, checked against its digest: a frame, a model, or a JSON value.

        Raises:
            DamagedOutputError: It is lost, or is not what was written.
            StorageError: The root cannot be read.
        """
        try:
            return self._checked(reference)
        except DamagedOutputError as damage:
            value = self._newest(reference)
            if value is None:
                damage.output = f"{reference.step} of {reference.partition}"
                raise
            return value

    def _checked(self, reference: ArtifactRef) -> Any:
        value = self.load(reference)
        if not is_what_was_written(reference, value):
            raise DamagedOutputError(self._file(reference), "holds something else than was written there")
        return value

    def load(self, reference: ArtifactRef) -> Any:
        """The value that a reference refers to, as `read` returns it, but without checking its digest.

        Raises:
            DamagedOutputError: It is lost or unreadable.
            StorageError: The root cannot be read.
        """
        if reference.kind == OutputKind.TABLE:
            column = self.column_of(reference.step)
            return read_partition(self.place(reference), reference.table_version, column, reference.partition)
        folder = self.path(reference.uri, layout.ARTIFACTS)
        if reference.kind == OutputKind.MODEL:
            files = self.model_files(reference)
            first = layout.artifact_file(folder, next(iter(files)))
            output = self.pipeline.step(reference.step).output
            return self._decoded(first, lambda: decoded(files, output))
        path = layout.artifact_file(folder, layout.VALUE)
        text = self.get_or_raise(path)
        return self._decoded(path, lambda: json.loads(text))

    def model_files(self, reference: ArtifactRef) -> dict[str, bytes]:
        """The files of a model by name, as they were written; `model.json`, which tells of them, is the last.

        Raises:
            DamagedOutputError: One is lost, or is not what was written.
            StorageError: the root cannot be read.
        """
        folder = self.path(reference.uri, layout.ARTIFACTS)
        path = layout.artifact_file(folder, layout.MODEL)
        described = self.get_or_raise(path)
        names = self._decoded(path, lambda: file_names(described))
        files = {name: self.get_or_raise(layout.artifact_file(folder, name)) for name in names[:-1]}
        files[layout.MODEL] = described
        # the digest of a `Model` is of its content
        if names[0] != layout.WEIGHTS and files_digest(files) != reference.digest:
            raise DamagedOutputError(self.uri(path), "holds something else than was written there")
        return files

    def _decoded(self, path: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except CounterpointError:  # what is missing here says nothing of what is stored
            raise
        except Exception as error:  # a library can raise anything for damaged bytes
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DamagedOutputError(self.uri(path), f"is damaged ({reason})") from error

    def _newest(self, reference: ArtifactRef) -> Any:
        """A partition from its table's newest version if it has the digest, for when the old log is lost."""
        if reference.kind != OutputKind.TABLE or reference.table_version is None:
            return None
        try:
            value = self.load(replace(reference, table_version=None))
        except DamagedOutputError:
            return None
        return value if is_what_was_written(reference, value) else None

    def _file(self, reference: ArtifactRef) -> str:
        """The first file of a referenced output, for an error message."""
        place = self.place(reference)
        if reference.kind != OutputKind.TABLE:
            return layout.artifact_file(place, layout.MODEL if reference.kind == OutputKind.MODEL else layout.VALUE)
        table = opened(place, reference.table_version)
        files = partition_files(table, self.column_of(reference.step), reference.partition)
        return f"{place}/{files[0][0]}" if files else f"{place}/{LOG}"

    def place(self, reference: ArtifactRef) -> str:
        """The location of a referenced output below this root, also when the reference was made under another root.

        Raises:
            DamagedOutputError: It lies outside of the root.
        """
        room = layout.TABLES if reference.kind == OutputKind.TABLE else layout.ARTIFACTS
        return self.uri(self.path(reference.uri, room))

    def column_of(self, step: str) -> str | None:
        """The column by which the table of a step is partitioned; None if it is not partitioned."""
        partitioned = self.pipeline.step(step).output.partitioned
        return self.pipeline.partitions.kind.value if partitioned else None

    def partial(self, reference: ArtifactRef, function: str, code_digest: str, *, keeps: bool = True) -> pl.DataFrame:
        """The result of `function` on the table of a reference: computed once per content and code, then read.

        Args:
            reference: The reference of the table.
            function: The function, as `module:name`.
            code_digest: The digest of its code.
            keeps: Whether the result is stored; false if the running code may differ from the digest's.

        Raises:
            DamagedOutputError: It was not computed yet, and the table is lost or is not what was written.
        """
        import polars as pl

        stored = self.stored_partial(reference, function, code_digest)
        if stored is not None:
            return pl.read_parquet(stored)
        called = load(function)
        result = as_polars(called(first_as_asked(called, self.read(reference))), function)
        if keeps:
            buffer = BytesIO()
            result.write_parquet(buffer)
            data = buffer.getvalue()
            folder = self._partials(reference, function, code_digest)
            self.put(layout.partial_file(folder, sha256(data).hexdigest()), data)
        return result

    def stored_partial(self, reference: ArtifactRef, function: str, code_digest: str) -> bytes | None:
        """The stored result of `partial`, verified by the digest in its file name, or None."""
        folder = self._partials(reference, function, code_digest)
        for path in self.list(folder):
            data = self.get(path)
            if data is not None and path == layout.partial_file(folder, sha256(data).hexdigest()):
                return data
        return None

    def _partials(self, reference: ArtifactRef, function: str, code_digest: str) -> str:
        return layout.partials_folder(self.pipeline.name, reference.step, function, reference.digest, code_digest)


def is_what_was_written(reference: ArtifactRef, value: Any) -> bool:
    """Whether a value has the digest of a reference."""
    if reference.kind == OutputKind.MODEL:
        # of models of libraries the files were checked
        return not is_weights(value) or model_digest(value) == reference.digest
    if reference.kind != OutputKind.TABLE:
        return reference.digest in {json_digest(value), json_digest(value, is_sorted=True)}
    if reference.rows == value.height == 0:
        return True  # a table without rows has no content that could have changed
    # rows usually come back in the order in which they were written, which saves sorting them
    return content_digest(value, is_canonical=True) == reference.digest or content_digest(value) == reference.digest
