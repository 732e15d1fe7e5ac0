"""CSV files copied to an Arrow file of texts, so that each is read and checked once."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import polars as pl

from counterpoint.diff.folder import keys_of
from counterpoint.errors import UsageError
from counterpoint.storage.csvdialects import CsvError, Dialect, plain_copy
from counterpoint.storage.csvfiles import CsvFile
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa


def copy_csv(uri: str, files: Sequence[str], copy: Path, dialect: Dialect) -> None:
    """Copies the CSV files of one table, all of one dialect, to an Arrow file; columns that a file lacks are null.

    Raises:
        UsageError: A file is no intact CSV file; names the file and the line.
    """
    import pyarrow as pa

    schema, batches = _texts(uri, files, copy.with_suffix(".csv"), dialect)
    with pa.OSFile(str(copy), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def read_csv(uri: str, files: Sequence[str], dialect: Dialect) -> pl.DataFrame:
    """The CSV files of one table as texts.

    Raises:
        UsageError: As `copy_csv`.
    """
    with TemporaryDirectory(prefix="counterpoint-csv-") as folder:
        schema, batches = _texts(uri, files, Path(folder, "copy"), dialect)
        return pl.concat([pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String)), *map(pl.DataFrame, batches)])


def _texts(uri: str, files: Sequence[str], copy: Path, dialect: Dialect) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns of CSV files, and their rows; remote files are copied here first."""
    import pyarrow as pa

    keys = keys_of(uri, files)
    opened = [_opened(file, copy.with_suffix(f".{number}"), dialect) for number, file in enumerate(files)]
    names = dict.fromkeys([name for csv_file in opened for name in csv_file.names] + list(keys))
    schema = pa.schema([(name, pa.string()) for name in names])

    def batches() -> Iterator[pa.RecordBatch]:
        for number, csv_file in enumerate(opened):
            values = {key: by_file[number] for key, by_file in keys.items()}
            yield from (_completed(batch, schema, values) for batch in _batches(files[number], csv_file))

    return schema, batches()


def _opened(file: str, copy: Path, dialect: Dialect) -> CsvFile:
    path = Path(file)
    if "://" in file:
        root, _, name = file.rpartition("/")
        data = Objects(root).get(name)
        if data is None:
            raise UsageError(f"{file} does not exist: name another")
        path = copy.with_name(f"{copy.name}{path.suffix}")
        path.write_bytes(data)
    try:
        return CsvFile.open(plain_copy(path, dialect, copy), dialect)
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


def _completed(batch: pa.RecordBatch, schema: pa.Schema, values: dict[str, str | None]) -> pa.RecordBatch:
    import pyarrow as pa

    own = dict(zip(batch.schema.names, batch.columns, strict=True))
    rows = batch.num_rows
    columns = [
        pa.array([values[name]] * rows, pa.string()) if name in values else own.get(name, pa.nulls(rows, pa.string()))
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
