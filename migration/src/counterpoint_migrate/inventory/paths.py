"""Paths, URIs and tables that a task reads or writes, as far as its texts tell."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.sql import is_sql, tables_of
from counterpoint_migrate.inventory.values import Bound, Class, Made, Ref, held_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from counterpoint_migrate.inventory.inventory_model import Task, Uses

_ENDING = r"\.(?:csv|tsv|parquet|jsonl?|txt|gz|avro|orc|pkl|pickle|xlsx?|zip|xml|feather|arrow|db)"
_PATH = re.compile(
    rf"[a-z][a-z0-9+-]*://[^\s'\"]+/[^\s'\"]+|(?:/|\.{{1,2}}/|~/|\{{\{{[^}}]*\}}\}}/)[^\s'\"]*[\w}}][^\s'\"/]*/[^\s'\"]*"
    rf"|[^\s'\"]*[\w}}]{_ENDING}"
)
_BRACES = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_SPACES = re.compile(r"\s+")
_TABLE = re.compile(r"[\w$`{}:-]+(?:\.[\w$`{}:-]+){0,2}")
_OUT = re.compile(r"(?:^|_)(?:dest|destination|target|output|out|sink|to|dst)(?:_|$)|^local_file")
_IN = re.compile(r"(?:^|_)(?:source|src|input|in|from)(?:_|$)|^(?:filepath|bucket_key|filename)$")
_WRITES = re.compile(
    r"to_(?:csv|parquet|json|sql|pickle|excel|feather|hdf|gbq|file)|write\w*|save\w*|dump|upload\w*|put\w*|sink_\w+"
    r"|load_(?:file|string|bytes|file_obj)|insert_rows|copy_to|insertInto|csv_write"
)
_READS = re.compile(
    r"read\w*|scan_\w+|load|download\w*|get_key|open_dataset|get_pandas_df|parquet|csv|glob|listdir|table"
)
_SHELL_OUT = re.compile(r"(?:>>?|\s-o|--output(?:-file)?[=\s]|--out[=\s]|--dest(?:ination)?[=\s]|\btee)\s*$")
_LEAST = 4
_DEEPEST = 8  # of dicts and lists
_DATABASES = "Redshift|Snowflake|Postgres|MySql|BigQuery|Hive|MsSql|Oracle|Vertica|Trino|Presto|Teradata|Athena"
_INTO_DATABASE = re.compile(rf"To(?:{_DATABASES})\w*$")
_OUT_OF_DATABASE = re.compile(rf"(?:{_DATABASES})To")
_NO_ACCESS = {"join", "Path", "Dataset", "Asset", "str", "len", "get", "getenv", "setdefault"}
_MOST = 10_000


def normal(text: str) -> str:
    """A path or table so that it equals others that mean the same: templates without spaces, no slash at the end."""
    return _BRACES.sub(lambda match: "{{" + _SPACES.sub("", match[1]) + "}}", text.strip()).strip("`\"'").rstrip("/")


def is_path(text: str) -> bool:
    """Whether a text looks like a path or a URI below a host or bucket."""
    return len(text) >= _LEAST and _PATH.fullmatch(normal(text) + "/" * text.endswith("/")) is not None


def of_arguments(task: Task) -> None:
    """Notes what the arguments of a task name."""
    sensor = task.kind == "sensor"
    for name, value in task.arguments.items():
        if name in {"outlets", "inlets", "python_callable", "**base", "doc_md", "doc", "description"}:
            continue
        side = "reads" if sensor or _IN.search(name) else "writes" if _OUT.search(name) else "mentions"
        for text in _texts([value]):
            _argument(task.uses, name, text, side)
        _references(task.uses, name, value)
    _bucket(task, "reads" if sensor else "mentions")
    _loaded_table(task)


def _argument(found: Uses, name: str, text: str, side: str) -> None:
    if is_path(text) or ("table" in name and _TABLE.fullmatch(text)):
        getattr(found, side).add(normal(text))
    elif is_sql(text):
        note_sql(found, text)
    elif " " in text and "command" in name:
        _shell(found, text)


def _bucket(task: Task, side: str) -> None:
    """An object that is named by bucket and key apart."""
    get = task.arguments.get
    bucket = next((get(name) for name in ("bucket_name", "s3_bucket", "bucket") if isinstance(get(name), str)), None)
    key = next((get(name) for name in ("bucket_key", "s3_key", "object", "key") if isinstance(get(name), str)), None)
    if bucket and key and "://" not in key:
        scheme = "gs" if task.operator.startswith(("GCS", "GoogleCloud")) else "s3"
        getattr(task.uses, side).add(normal(f"{scheme}://{bucket}/{key}"))


def note_sql(found: Uses, text: str) -> None:
    """Notes the tables of a text of SQL."""
    tables = tables_of(text)
    found.reads |= {normal(name) for name in tables.reads}
    found.writes |= {normal(name) for name in tables.writes}
    found.mentions |= {normal(name) for name in tables.mentions}


def _references(found: Uses, key: str, value: Any, depth: int = 0) -> None:
    """Notes tables that the configuration of a BigQuery job names by project, dataset and table."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        parts = [value.get(name) for name in ("projectId", "datasetId", "tableId")]
        if isinstance(parts[2], str):
            known = [part for part in parts if isinstance(part, str)]
            side = "writes" if "estination" in key else "reads" if "ource" in key else "mentions"
            getattr(found, side).add(normal(".".join(known)))
        for name, inner in value.items():
            _references(found, str(name), inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _references(found, key, inner, depth + 1)


def _loaded_table(task: Task) -> None:
    """The table of a transfer operator (`S3ToRedshiftOperator`), which its schema may stand beside."""
    table, schema = task.arguments.get("table"), task.arguments.get("schema")
    if not isinstance(table, str) or not _TABLE.fullmatch(table):
        return
    name = normal(f"{schema}.{table}" if isinstance(schema, str) and "." not in table else table)
    if _INTO_DATABASE.search(task.operator):
        task.uses.writes.add(name)
    elif _OUT_OF_DATABASE.match(task.operator):
        task.uses.reads.add(name)


def _shell(found: Uses, text: str) -> None:
    short = normal(text)
    for match in re.finditer(r"[^\s'\"=;|&<>]+", short):
        if is_path(match[0]) and match.start() > 0 and not short[: match.start()].endswith("&"):
            side = "writes" if _SHELL_OUT.search(short[: match.start()]) else "mentions"
            getattr(found, side).add(normal(match[0]))


def of_call(found: Uses, callee: Any, args: Sequence[Any], keywords: dict[str, Any]) -> None:
    """Notes what a call in the code of a task reads or writes."""
    if isinstance(callee, Bound):
        name, holder = callee.name, callee.value
    elif isinstance(callee, Ref):
        name, holder = callee.tail, None
    else:
        return
    if isinstance(callee, Ref | Class) and name in _NO_ACCESS:
        return
    side = _side(name, args, keywords, holder)
    for text in _texts([holder, *args, *keywords.values()]):
        if is_path(text):
            getattr(found, side).add(normal(text))
        elif is_sql(text):
            note_sql(found, text)
    if name in {"to_sql", "saveAsTable", "insertInto", "read_sql_table", "table", "insert_rows"}:
        table = args[0] if args else keywords.get("table", keywords.get("name"))
        if isinstance(table, str) and _TABLE.fullmatch(table):
            getattr(found, side).add(normal(table))


def _side(name: str, args: Sequence[Any], keywords: dict[str, Any], holder: Any) -> str:
    if name == "open":
        mode = keywords.get("mode", (*args, "r", "r")[0 if isinstance(holder, Made) else 1])
        if not isinstance(mode, str) or "+" in mode:
            return "mentions" if not isinstance(mode, str) or "r" in mode else "writes"
        return "writes" if set(mode) & set("wax") else "reads"
    if _WRITES.fullmatch(name) or name == "saveAsTable":
        return "writes"
    return "reads" if _READS.fullmatch(name) else "mentions"


def _texts(values: Sequence[Any]) -> Iterator[str]:
    """The texts in values; of a call only what it gives, as far as that is known."""
    stack = list(values)[::-1]
    seen = 0
    while stack and seen < _MOST:
        seen += 1
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Made) and (value.name == "pathlib.Path" or Ref(value.name).tail[:1].islower()):
            if (text := symbolic(value)) is not None:
                yield text
        else:
            stack += held_by(value)[::-1]


def symbolic(value: Any) -> str | None:
    """A path, with `$NAME` for what an environment variable holds; None where a part of it is not known."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Made):
        return None
    if value.name in {"os.getenv", "os.environ.get", "os.environ"}:
        return f"${value.args[0]}" if value.args and isinstance(value.args[0], str) else None
    parts = [symbolic(part) for part in value.args]
    known_parts = [part for part in parts if part is not None]
    if not parts or len(known_parts) < len(parts):
        return None
    if value.name in {"os.path.join", "posixpath.join", "pathlib.Path"}:
        return posixpath.join(*known_parts)
    return "".join(known_parts) if value.name == "str.join" else None
