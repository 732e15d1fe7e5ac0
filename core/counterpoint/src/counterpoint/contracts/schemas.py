"""Pandera's schemas for Polars and for pandas, each held against a frame of its own library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError
from counterpoint.frames import POLARS, given_as

if TYPE_CHECKING:
    import polars as pl

_KINDS = {"polars": POLARS, "pandas": "pandas.DataFrame"}


def schema_of(contract: Any) -> Any:
    """A schema as an object with columns, also where it was written as a class."""
    return contract.to_schema() if isinstance(contract, type) and hasattr(contract, "to_schema") else contract


def failures_of(schema: Any, frame: pl.DataFrame, returned: Any = None) -> list[dict[str, Any]]:
    """Every failure of a frame against a pandera schema: index (None: the whole column), column, check, value.

    Args:
        schema: for Polars or for pandas.
        frame: the rows.
        returned: the same rows as a step returned them, with types of its library that the frame may not have.

    Raises:
        DefinitionError: the schema is for frames of another library.
    """
    from pandera.errors import SchemaErrors

    try:
        schema.validate(_frame_for(schema, frame, returned), lazy=True)
    except SchemaErrors as errors:
        rows = [_plain(row) for row in _cases(errors.failure_cases)]
        return sorted(rows, key=lambda row: (row["index"] is not None, row["index"] or 0))
    return []


def _frame_for(schema: Any, frame: pl.DataFrame, returned: Any) -> Any:
    _, is_pandera, rest = type(schema).__module__.partition("pandera.api.")
    library = rest.partition(".")[0] if is_pandera else "polars"
    if library not in _KINDS:
        name = getattr(schema, "name", None) or type(schema).__name__
        raise DefinitionError(
            f"the contract {name} is a schema of pandera for {library}: write it for Polars (pandera.polars) or pandas"
            " (pandera.pandas), which hold for every kind of frame"
        )
    is_pandas = library == "pandas" and type(returned).__module__.partition(".")[0] == "pandas"
    return returned if is_pandas else given_as(_KINDS[library], frame)


def _cases(cases: Any) -> list[dict[str, Any]]:
    names = ["index", "column", "check", "failure_case"]
    if hasattr(cases, "to_dicts"):
        return cases.select(names).to_dicts()  # type: ignore[no-any-return]
    return [dict(zip(names, row, strict=True)) for row in cases[names].itertuples(index=False, name=None)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A failure with None where pandas has NaN."""
    index = row["index"]
    is_missing = index is None or index != index  # noqa: PLR0124 - only NaN is not like itself
    return {**row, "index": None if is_missing else index}
