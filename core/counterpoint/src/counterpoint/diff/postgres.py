"""Copying tables of PostgreSQL to a Parquet file, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from counterpoint.errors import UsageError
from counterpoint.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMES = ("postgresql://", "postgres://")
FORM = "postgresql://USER@HOST/DATABASE?table=SCHEMA.TABLE"
_BATCH_BYTES = 16 << 20
# the digits of a 128-bit decimal
_DIGITS = 38


def export(uri: str, file: Path) -> None:
    """Copies the table that a URI names (`postgresql://…?table=SCHEMA.TABLE`) to a Parquet file.

    Raises:
        UsageError: The URI names no table, it cannot be read, or the driver is not installed.
    """
    server, table = _parted(uri)
    try:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import StatementOptions, dbapi
    except ImportError:
        raise UsageError("tables of PostgreSQL need a driver: pip install 'counterpoint[postgres]'") from None
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    try:
        with dbapi.connect(server) as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(_BATCH_BYTES)})
            decimals = _decimals(cursor, table)
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - quoted, and read only
            batches = cursor.fetch_record_batch()
            schema = pa.schema([(field.name, _kind(field, decimals)) for field in batches.schema])
            with ParquetWriter(file, schema) as writer:
                for batch in batches:
                    columns = map(_plain, batch.columns, schema.types)
                    writer.write_batch(pa.RecordBatch.from_arrays(list(columns), schema=schema))
    except Error as error:
        reason = str(redacted(" ".join(str(error).split())))
        raise UsageError(f"{redacted(uri)} cannot be read: {reason}; check server, table and rights") from None


def _decimals(cursor: Any, table: str) -> dict[str, tuple[int, int]]:
    """Precision and scale of the columns that are declared NUMERIC(precision, scale), as their type modifier has them.

    The driver returns every NUMERIC as text, because one without precision has no bounds; such a column stays text.
    """
    cursor.execute(
        "SELECT attname::text, atttypmod - 4 FROM pg_attribute WHERE attrelid = $1::text::regclass"
        " AND atttypid = 'numeric'::regtype AND atttypmod >= 4 AND NOT attisdropped",
        (table,),
    )
    declared = {name: (modifier >> 16 & 0xFFFF, modifier & 0x7FF) for name, modifier in cursor.fetchall()}
    return {name: (precision, scale) for name, (precision, scale) in declared.items() if scale <= precision <= _DIGITS}


def _kind(field: Any, decimals: Mapping[str, tuple[int, int]]) -> Any:
    """The type of a column in the file: for types that only PostgreSQL has, their storage type."""
    import pyarrow as pa

    if field.name in decimals:
        return pa.decimal128(*decimals[field.name])
    return getattr(field.type, "storage_type", field.type)


def _plain(values: Any, kind: Any) -> Any:
    stored = getattr(values, "storage", values)
    return stored if stored.type == kind else stored.cast(kind)


def _parted(uri: str) -> tuple[str, str]:
    """The URI of the database, and the quoted name of the table."""
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    name = options.pop("table", "")
    if not name or not all(name.split(".")):
        raise UsageError(f"{redacted(uri)} names no table: write {FORM}")
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
    return urlunsplit(parts._replace(query=urlencode(options))), quoted
