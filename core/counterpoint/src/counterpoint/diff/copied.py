"""CSV files copied to an Arrow file of texts, so that each is read and checked once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.diff.folder import keys_of
from counterpoint.errors import UsageError
from counterpoint.storage.csvfiles import CsvError, CsvFile
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa


def copy_csv(uri: str, files: Sequence[str], copy: Path) -> None:
    """Copies CSV files, those of one table, to an Arrow file; columns that a file lacks are null.

    Raises:
        UsageError: one is no whole CSV file; names the file and the line.
    """
    import pyarrow as pa

    schema, batches = _texts(uri, files, copy.with_suffix(".csv"))
    with pa.OSFile(str(copy), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_csv(uri: str, files: Sequence[str]) -> pl.DataFrame:
    """CSV files, those of one table, as texts.

    Raises:
        UsageError: as `copy_csv`.
    """
    with TemporaryDirectory(prefix="counterpoint-csv-") as folder:
        schema, batches = _texts(uri, files, Path(folder, "copy"))
        return pl.concat([pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String)), *map(pl.DataFrame, batches)])


def _texts(uri: str, files: Sequence[str], copy: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of CSV files, and their rows; those of a remote one are copied here first."""
    import pyarrow as pa

    keys = keys_of(uri, files)
    opened = [_opened(file, copy.with_suffix(f".{number}")) for number, file in enumerate(files)]
    names = dict.fromkeys([name for one in opened for name in one.names] + list(keys))
    schema = pa.schema([(name, pa.string()) for name in names])

    def batches() -> Iterator[pa.RecordBatch]:
        for number, one in enumerate(opened):
            values = {key: found[number] for key, found in keys.items()}
            yield from (_whole(batch, schema, values) for batch in _batches(files[number], one))

    return schema, batches()


def _opened(file: str, copy: Path) -> CsvFile:
    path = Path(file)
    if "://" in file:
        root, _, name = file.rpartition("/")
        data = Objects(root).get(name)
        if data is None:
            raise UsageError(f"{file} does not exist: name another")
        copy.write_bytes(data)
        path = copy
    try:
        return CsvFile.open(path)
    except CsvError as error:
        raise _refused(file, error) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or error}; check the file") from error


def _batches(file: str, opened: CsvFile) -> Iterator[pa.RecordBatch]:
    try:
        yield from opened.batches()
    except CsvError as error:
        raise _refused(file, error) from error


def _refused(file: str, error: CsvError) -> UsageError:
    return UsageError(f"{file} cannot be read: {error}; mend the file, or name another")


def _whole(batch: pa.RecordBatch, schema: pa.Schema, values: dict[str, str | None]) -> pa.RecordBatch:
    import pyarrow as pa

    own = dict(zip(batch.schema.names, batch.columns, strict=True))
    rows = batch.num_rows
    columns = [
        pa.array([values[name]] * rows, pa.string()) if name in values else own.get(name, pa.nulls(rows, pa.string()))
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
