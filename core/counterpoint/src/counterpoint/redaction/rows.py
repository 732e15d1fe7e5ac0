"""Values of rows in messages, which can be left out if the rows are about persons."""

from __future__ import annotations

import os
import re
from typing import Any

# on (the default) or off: then messages have column, check, and count or numbers of rows, but no value
ROW_VALUES = "COUNTERPOINT_ROW_VALUES"
UNSHOWN = "(value not shown)"
_ON = ("", "on", "true", "yes", "1")

# how libraries that read and check rows put values into the messages of their errors
_TOLD = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # pandera
        (r"(failure cases?(?: examples)?: )[^\n]+", 0),
        (r"(CHECK_ERROR\\*[\"']: )\[.*?\n? *\](?=,?\s*\\*[\"'}]|\Z)", re.DOTALL),
        # Polars
        (r"(\bfailed (?:in column '[^'\n]*' )?for \d+ (?:out of \d+ )?value(?:s|\(s\)): )\[[^\n]*\]", 0),
        (r"(could not parse |adding )`[^`\n]*`", 0),
        (r"(found value of type [^:\n]+: )[^\n]+", 0),
        (r"(could not append value: )[^\n]*?(?= of type: )", 0),
        # Pydantic, Arrow, DuckDB, PostgreSQL
        (r"(\binput_value=).*?(?=, input_type=)", re.DOTALL),
        (r"([Cc]ould not convert (?:string )?)['\"][^\n]*['\"](?= (?:to |with type ))", 0),
        (r"(Key \([^)\n]*\)=\()[^\n]*(?=\) (?:already exists|is not present|conflicts))", 0),
        (r"(Failing row contains \()[^\n]*(?=\))", 0),
        (r"(invalid input (?:syntax|value) for [\w ]+: )[^\n]+", 0),
        # Python, NumPy and pandas
        (r"(invalid literal for int\(\) with base \d+: )[^\n]+", 0),
        (r"(could not convert string to \w+: )[^\n]+", 0),
        (r"(Unable to parse string )\"[^\n]*\"(?= at position)", 0),
        (r"(time data )[^\n]*?(?= does(?:n't| not) match)", 0),
        (r"(Invalid isoformat string: )[^\n]+", 0),
    )
)


def shows_rows() -> bool:
    """Whether messages may show values of rows; an unknown setting counts as off."""
    return os.environ.get(ROW_VALUES, "").strip().lower() in _ON


def row_value(value: Any) -> str:
    """A value of a row for a message; hidden if values may not be shown."""
    return repr(value)[:100] if shows_rows() else UNSHOWN


def without_rows(text: str) -> str:
    """The text, without the values of rows in errors of known libraries if values may not be shown."""
    if shows_rows():
        return text
    for pattern in _TOLD:
        text = pattern.sub(rf"\g<1>{UNSHOWN}", text)
    return text


def checked(error: BaseException) -> str | None:
    """The message of a pandera error without values of rows; None for other errors, or if values may be shown."""
    if shows_rows() or not type(error).__module__.startswith("pandera."):
        return None
    cases = getattr(error, "failure_cases", None)
    if hasattr(error, "schema_errors") and cases is not None:
        pairs = [(str(column), str(check)) for column, check in zip(cases["column"], cases["check"], strict=True)]
        counts = "; ".join(f"column {c}, check {k}: {pairs.count((c, k))} times" for c, k in dict.fromkeys(pairs))
        return f"rows break their schema: {counts}"
    if hasattr(error, "check"):
        name = getattr(getattr(error, "schema", None), "name", None)
        return f"rows break their schema: column {name}, check {getattr(error.check, 'name', error.check)}"
    return None
