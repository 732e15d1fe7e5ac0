"""Paths, URIs and tables that a task reads or writes, as far as its texts tell."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

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
_NAME = r"[`\"\[]?((?:[\w$-]|\{\{[^}]*\}\})+(?:[`\"\]]?\.[`\"\[]?(?:[\w$*-]|\{\{[^}]*\}\})+){0,2})"
_INTO = re.compile(
    r"\b(?:insert\s+(?:overwrite\s+)?(?:into\s+)?(?:table\s+)?|merge\s+into\s+|truncate\s+(?:table\s+)?|update\s+"
    r"|create\s+(?:or\s+replace\s+)?(?:external\s+)?(?:table|view|materialized\s+view)\s+(?:if\s+not\s+exists\s+)?"
    rf"|copy\s+){_NAME}",
    re.IGNORECASE,
)
_FROM = re.compile(rf"\b(?:from|join)\s+{_NAME}", re.IGNORECASE)
_SQL = re.compile(r"\s*(?:--.*\n\s*)*(?:select|insert|with|create|merge|update|delete|truncate|copy)\b", re.IGNORECASE)
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
    _bucket(task, "reads" if sensor else "mentions")


def _argument(found: Uses, name: str, text: str, side: str) -> None:
    if is_path(text) or ("table" in name and _TABLE.fullmatch(text)):
        getattr(found, side).add(normal(text))
    elif _SQL.match(text):
        _sql(found, text)
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


def _sql(found: Uses, text: str) -> None:
    short = _BRACES.sub(lambda match: "{{" + _SPACES.sub("", match[1]) + "}}", text)
    written = {_bare(match) for match in _INTO.finditer(short)}
    found.writes |= written
    found.reads |= {_bare(match) for match in _FROM.finditer(short)} - {"select"}


def _bare(match: re.Match[str]) -> str:
    return re.sub(r"[`\"\[\]]", "", match[1])


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
        elif _SQL.match(text) and " " in text.strip():
            _sql(found, text)
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
