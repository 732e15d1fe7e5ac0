"""The legacy file, which describes the outputs of a DAG that Counterpoint does not run."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from counterpoint.diff import Tolerance
from counterpoint.errors import UsageError
from counterpoint.model.suggest import suggest
from counterpoint.storage.csvdialects import Dialect
from counterpoint_migrate.validate.data_sides import MODEL, TABLE, VALUE, kind_of
from counterpoint_migrate.validate.legacyairflow import airflow_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from counterpoint.model import Partition, Pipeline
    from counterpoint_migrate.validate.legacyairflow import LegacyDag

_KIND_OF = {"table": TABLE, "parquet": TABLE, "csv": TABLE, "model": MODEL, "json": VALUE}
_OF_CSV = ("separator", "encoding", "header")
_OF_TABLES = ("where", "key", "rename", "drop", *_OF_CSV)
_REMOTE = ("s3://", "s3a://")
AIRFLOW = "airflow"
_KEYS = (*_KIND_OF, *_OF_TABLES, "tolerance")


class _Moment:
    """The date of a partition in a path: `{date}` is its key, `{date:%Y%m%d}` its start as strftime writes it."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def __format__(self, form: str) -> str:
        return self._partition.local_start.strftime(form) if form else self._partition.key


@dataclass(frozen=True, slots=True)
class Spec:
    """The place of one step's outputs, and how they are compared; `where` is a column and the format of its dates."""

    step: str
    kind: str
    form: str
    path: str
    where: tuple[str, str] | None = None
    key: tuple[str, ...] = ()
    tolerance: Tolerance | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    csv: Dialect = field(default_factory=Dialect)

    def place(self, base: Path, partition: Partition) -> str:
        """The path or URI of a partition."""
        path = self.path.format(date=_Moment(partition))
        return path.rstrip("/") if "://" in path else str(base / path)

    def key_of(self, partition: Partition) -> str:
        """The value of the column `where` for a partition."""
        assert self.where is not None  # noqa: S101 - called only for specs with `where`
        return self.where[1].format(date=_Moment(partition))


def read_legacy(path: Path, pipeline: Pipeline) -> tuple[dict[str, Any], dict[str, Spec]]:
    """Reads a legacy file.

    Returns:
        The content of the file, and the spec of each step.

    Raises:
        UsageError: the file cannot be read, has an unknown key, or does not fit the pipeline.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--legacy {path} cannot be read: {error.strerror}; name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--legacy {path} is no TOML: {error}; see docs/how-to/validation.md") from error
    return values, specs_of(values, pipeline, str(path))


def read_airflow(path: Path, pipeline: Pipeline) -> LegacyDag:
    """The DAG in the table [airflow] of a legacy file.

    Raises:
        UsageError: the table is missing or wrong.
    """
    values, _ = read_legacy(path, pipeline)
    if AIRFLOW not in values:
        raise UsageError(
            f"--legacy {path}: write a table [{AIRFLOW}] with url and dag_id, to pause that DAG by its API"
        )
    return airflow_of(values[AIRFLOW], str(path))


def specs_of(values: Mapping[str, Any], pipeline: Pipeline, place: str) -> dict[str, Spec]:
    """The spec of each step; `place` is the file, for messages.

    Raises:
        UsageError: a key is unknown, or a spec does not fit the pipeline.
    """
    steps = values.get("steps")
    if set(values) - {AIRFLOW} != {"steps"} or not isinstance(steps, dict) or not steps:
        raise UsageError(
            f"{place}: write a table [steps.NAME] for each step whose outputs are there, or [{AIRFLOW}], no more"
        )
    if AIRFLOW in values:
        airflow_of(values[AIRFLOW], place)
    for name in steps:
        _refuse_unknown(name, pipeline.step_names, f"{place}: [steps.{name}]: the pipeline has no such step")
    return {name: _spec(name, step, pipeline, f"{place}: [steps.{name}]") for name, step in steps.items()}


def _refuse_unknown(name: str, known_names: Collection[str], problem: str) -> None:
    if name not in known_names:
        raise UsageError(f"{problem}: {suggest(name, known_names)}")


def _spec(name: str, values: Any, pipeline: Pipeline, place: str) -> Spec:
    if not isinstance(values, dict):
        raise UsageError(f"{place} is no table of settings: write for example parquet = 'out/{{date}}.parquet'")
    for word in values:
        _refuse_unknown(word, _KEYS, f"{place}: {word} is not known")
    forms = [word for word in _KIND_OF if word in values]
    if len(forms) != 1:
        raise UsageError(f"{place}: say where it lies by one of {', '.join(_KIND_OF)}, not by {len(forms)}")
    form = forms[0]
    _refuse_other_kind(name, form, values, pipeline, place)
    spec = Spec(
        name,
        _KIND_OF[form],
        form,
        _text(values[form], form, place),
        _where(values, place),
        _words(values.get("key", ()), "key", place),
        _tolerance(values.get("tolerance"), place),
        _renamed(values.get("rename", {}), place),
        _words(values.get("drop", ()), "drop", place),
        _dialect(values, form, place),
    )
    _refuse_one_for_all(spec, pipeline, place)
    return spec


def _refuse_other_kind(name: str, form: str, values: Mapping[str, Any], pipeline: Pipeline, place: str) -> None:
    kind = kind_of(pipeline.step(name).output.kind)
    if pipeline.step(name).map_over:
        raise UsageError(f"{place}: a mapped step has many outputs a date, which cannot be given here: leave it out")
    if _KIND_OF[form] != kind:
        fitting = ", ".join(word for word, form_kind in _KIND_OF.items() if form_kind == kind)
        raise UsageError(f"{place}: {form} is a {_KIND_OF[form]}, but the step makes a {kind}: write {fitting}")
    table_only = [word for word in _OF_TABLES if word in values]
    if kind != TABLE and table_only:
        raise UsageError(f"{place}: {table_only[0]} is for tables: leave it out")


def _refuse_one_for_all(spec: Spec, pipeline: Pipeline, place: str) -> None:
    """Refuses a path that is the same for each date, or cannot be formatted."""
    first = pipeline.partitions.partition(pipeline.partitions.start)
    try:
        first_path = spec.path.format(date=_Moment(first))
        if spec.where:
            spec.key_of(first)
    except (ValueError, LookupError, AttributeError) as error:
        raise UsageError(
            f"{place}: {spec.path}: only {{date}} and {{date:%Y%m%d}} are written out ({error})"
        ) from error
    if first_path == spec.path and spec.where is None and pipeline.step(spec.step).output.partitioned:
        alternative = ", or name the column of the dates by where" if spec.kind == TABLE else ""
        raise UsageError(f"{place}: {spec.path} is the same for each date: write {{date}} into it{alternative}")


def _text(value: Any, word: str, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{place}: {word} is a text")
    if "://" in value and not value.startswith(_REMOTE):
        raise UsageError(
            f"{place}: {value.partition('://')[0]}:// is not read: export the table to Parquet, or use s3://"
        )
    return value


def _where(values: Mapping[str, Any], place: str) -> tuple[str, str] | None:
    if "where" not in values:
        return None
    column, _, form = _text(values["where"], "where", place).partition("=")
    return column.strip(), form.strip() or "{date}"


def _dialect(values: Mapping[str, Any], form: str, place: str) -> Dialect:
    told = {word: values[word] for word in _OF_CSV if word in values}
    if told and form != "csv":
        raise UsageError(f"{place}: {next(iter(told))} is of csv files, and this is {form}: leave it out")
    texts = {word: _text(told[word], word, place) for word in ("separator", "encoding") if word in told}
    try:
        return Dialect(**texts, names=_words(told["header"], "header", place) if "header" in told else None)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _words(value: Any, word: str, place: str) -> tuple[str, ...]:
    columns = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(columns, list | tuple) or not all(isinstance(part, str) and part for part in columns):
        raise UsageError(f"{place}: {word} names columns: write them as a list")
    return tuple(columns)


def _renamed(value: Any, place: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(new, str) and new for new in value.values()):
        raise UsageError(f"{place}: rename maps the legacy name of a column to its new one: {{old = 'new'}}")
    return value


def _tolerance(value: Any, place: str) -> Tolerance | None:
    if value is None:
        return None
    columns = value if isinstance(value, dict) else {}
    for number in columns.values() if isinstance(value, dict) else [value]:
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise UsageError(f"{place}: tolerance is a number of zero or more, or {{column = number}}")
    return Tolerance(0.0, columns) if isinstance(value, dict) else Tolerance(float(value))
