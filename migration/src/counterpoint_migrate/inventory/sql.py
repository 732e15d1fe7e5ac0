"""The tables that SQL reads and writes, from its words: any dialect, several statements, Jinja in any place.

No grammar is followed, so that no dialect and no template stops the reading. A table is the name after a word that
calls for one (FROM, JOIN, INTO, UPDATE, ...), unless that word belongs to something else: EXTRACT(day FROM x),
IS DISTINCT FROM, ON CONFLICT DO UPDATE SET. Names of common table expressions and of temporary tables are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NOISE = re.compile(r"--[^\n]*|(?m:^\s*#[^\n]*)|/\*.*?\*/|\{#.*?#\}|\{%.*?%\}", re.DOTALL)
_SPACES_IN_BRACES = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_PART = r"(?:`[^`]+`|\"[^\"]+\"|\[[^\]\s]+\]|(?:\{\{[^{}]*\}\}|\$?\{[\w.]+\}|[\w$#]+(?:-[\w$]+)*)+)"
_TOKEN = re.compile(
    rf"(?P<text>'(?:[^'\\]|''|\\.)*')|(?P<body>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<stage>@[\w.~/%$-]+)"
    rf"|(?P<name>{_PART}(?:\s*\.\s*{_PART}|\.\*)*)|(?P<sign>[(),;=])",
    re.DOTALL,
)
_FIRST = re.compile(
    r"\s*(?:\(\s*)*(?:(?:select|with|insert|merge|update|delete|truncate|create|drop|alter|copy|replace|load|unload|do"
    r"|export|refresh|explain|declare|set|use|begin|start|call|exec|execute|grant|lock|vacuum|analyze|commit|show)\b"
    r"|$)",
    re.IGNORECASE,
)
# a word that many texts begin with opens SQL only together with what has to follow it
_SURE = re.compile(
    r"\bselect\b.+?\bfrom\b|\bselect\s+[\d'\"*]|\binsert\s+(?:into|overwrite|ignore|or)\b|\bmerge\s+into\b"
    r"|\bupdate\s+\S+.*?\bset\b|\bdelete\s+(?:\S+\s+)?from\b|\btruncate\s+\S+|\bcreate\s+(?:\w+\s+){0,4}?(?:table|view)\b"
    r"|\bcopy\s+\S+|\breplace\s+into\b|\bload\s+data\b|\bunload\s*\(|\bexport\s+data\b|\brefresh\s+materialized\b"
    r"|\balter\s+table\b|\bdrop\s+(?:table|view)\b|\bexecute\s+immediate\b|\bdo\s+\$",
    re.IGNORECASE | re.DOTALL,
)
_BEGINNING = 20_000  # characters in which a statement has to be seen
_BEFORE_TABLE = {"table", "view", "only", "lateral", "into", "overwrite", "ignore", "low_priority", "delayed", "if"}
_BEFORE_TABLE |= {"not", "exists", "from", "or", "replace", "directory"}
_KINDS = {"temp", "temporary", "transient", "external", "global", "local", "unlogged", "volatile", "materialized"}
_KINDS |= {"multiset", "hybrid", "dynamic", "iceberg", "foreign", "recursive", "secure", "force", "or", "replace"}
_TEMPORARY = {"temp", "temporary", "volatile"}
_NO_TABLE = {"select", "values", "unnest", "dual", "set", "where", "on", "using", "group", "order", "limit", "lateral"}
_NO_TABLE |= {
    "table",
    "outfile",
    "dumpfile",
    "stdin",
    "stdout",
    "as",
    "with",
    "inner",
    "left",
    "right",
    "cross",
    "full",
}
_ENDS_LIST = {"where", "group", "order", "having", "limit", "union", "qualify", "window", "on", "set", "select", "join"}
_ENDS_LIST |= {
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "intersect",
    "except",
    "minus",
    "using",
    "returning",
}
_ENDS_LIST |= {"when", "values", "fetch", "offset", "for", "lateral", "into"}
_FROM_IN_CALL = {"extract", "trim", "substring", "substr", "overlay", "position", "ltrim", "rtrim", "btrim"}


@dataclass(frozen=True, slots=True)
class Tables:
    """What a script reads, writes, and only names (what it drops or alters)."""

    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Word:
    """A token: the name, text or sign as it is written; `low` is a plain word in small letters, else empty."""

    kind: str
    text: str

    @property
    def low(self) -> str:
        return self.text.lower() if self.kind == "name" and self.text.isidentifier() else ""


def is_sql(text: str) -> bool:
    """Whether a text is one or more statements of SQL."""
    bare = _NOISE.sub(" ", text)
    return _FIRST.match(bare) is not None and _SURE.search(bare, 0, _BEGINNING) is not None


def tables_of(text: str) -> Tables:
    """The tables of a script; a table that it makes for itself alone is none."""
    found = Tables()
    temporary: set[str] = set()
    for statement in _statements(text):
        _Statement(statement, found, temporary).read()
    for names in (found.reads, found.writes, found.mentions):
        names -= {name for name in names if name.lower() in temporary}
    return Tables(found.reads, found.writes, found.mentions - found.reads - found.writes)


def _statements(text: str) -> Iterator[list[_Word]]:
    bare = _NOISE.sub(" ", text)
    bare = _SPACES_IN_BRACES.sub(lambda match: "{{" + re.sub(r"\s+", "", match[1]) + "}}", bare)
    statement: list[_Word] = []
    for match in _TOKEN.finditer(bare):
        word = _Word(_kind(match), match[0])
        if word.text == ";":
            yield statement
            statement = []
        else:
            statement.append(word)
    yield statement


def _kind(match: re.Match[str]) -> str:
    return "body" if match.lastgroup in {None, "tag"} else str(match.lastgroup)


def _bare(name: str) -> str:
    """A name without its quotes."""
    return re.sub(r"[`\"\[\]]|\s+(?=\.)|(?<=\.)\s+", "", name)


class _Statement:
    """Reads the words of one statement from left to right."""

    def __init__(self, words: Sequence[_Word], found: Tables, temporary: set[str]) -> None:
        self.words, self.found, self.temporary = words, found, temporary
        self.inner = set(_common_tables(words))
        self.calls: list[str] = []  # the words before the parentheses that are open

    def read(self) -> None:
        """Notes its tables."""
        position = 0
        while position < len(self.words):
            word = self.words[position]
            if word.text == "(":
                before = self.words[position - 1].low if position else ""
                self.calls.append(before)
            elif word.text == ")" and self.calls and self.calls.pop() in {"from", "join"}:
                position = self.rest_of_list(position + 1, self.found.reads)
                continue
            reader = _READERS.get(word.low)
            position = reader(self, position) if reader is not None else position + 1

    def low(self, position: int) -> str:
        """The plain word at a position, in small letters; empty where there is none."""
        return self.words[position].low if 0 <= position < len(self.words) else ""

    def sign(self, position: int) -> str:
        """The sign at a position; empty where there is none."""
        if not 0 <= position < len(self.words) or self.words[position].kind != "sign":
            return ""
        return self.words[position].text

    def table(self, position: int, side: set[str], *, called: bool = False) -> int:
        """Notes the table at a position, after words that may stand before one; the position after it.

        `called`: a parenthesis after the name holds its columns, and does not make it a function.
        """
        while self.low(position) in _BEFORE_TABLE:
            position += 1
        if position >= len(self.words):
            return position
        word = self.words[position]
        if word.kind == "name" and word.low not in _NO_TABLE and (called or self.sign(position + 1) != "("):
            name = _bare(word.text)
            if name.lower() not in self.inner and not name.isdigit():
                side.add(name)
            return position + 1
        if word.kind == "text" and "/" in word.text:
            side.add(word.text.strip("'").rstrip("/"))
            return position + 1
        return position

    def closing(self, position: int) -> int:
        """The position of the parenthesis that closes the one at a position; the last one where none does."""
        depth = 0
        for at in range(position, len(self.words)):
            depth += {"(": 1, ")": -1}.get(self.sign(at), 0)
            if depth == 0:
                return at
        return len(self.words) - 1

    def list_of_tables(self, position: int, side: set[str]) -> int:
        """Notes `a, b x, c AS y`, to the end of the list or the next query in it."""
        end = self.table(position, side)
        if end == position and self.low(end) and self.sign(end + 1) == "(" and self.low(end) not in _ENDS_LIST:
            end = self.closing(end + 1) + 1  # a function
        return self.rest_of_list(end, side)

    def rest_of_list(self, position: int, side: set[str]) -> int:
        """Notes what follows a table in a list, after its alias."""
        if self.low(position) == "as":
            position += 1
        if self.low(position) and self.low(position) not in _ENDS_LIST | {"from"}:
            position += 1
        if self.sign(position) != ",":
            return position
        return self.list_of_tables(position + 1, side)


def _from(statement: _Statement, position: int) -> int:
    before = statement.low(position - 1)
    if before == "distinct" and statement.low(position - 2) in {"is", "not"}:
        return position + 1
    if statement.calls and statement.calls[-1] in _FROM_IN_CALL:
        return position + 1
    first = _verb(statement)
    if before == "delete" or (first == "delete" and position <= 2):  # noqa: PLR2004 - DELETE t FROM
        return statement.table(position + 1, statement.found.writes)
    if first in {"show", "grant", "revoke", "drop", "alter", "set", "declare", "call", "use"}:
        return position + 1
    return statement.list_of_tables(position + 1, statement.found.reads)


def _verb(statement: _Statement) -> str:
    return next((word.low for word in statement.words if word.low), "")


def _join(statement: _Statement, position: int) -> int:
    return statement.table(position + 1, statement.found.reads)


def _using(statement: _Statement, position: int) -> int:
    if _verb(statement) not in {"merge", "delete", "with"} or statement.sign(position + 1) == "(":
        return position + 1
    return statement.list_of_tables(position + 1, statement.found.reads)


def _into(statement: _Statement, position: int) -> int:
    if position + 1 < len(statement.words) and statement.words[position + 1].kind == "stage":
        return position + 2
    return statement.table(position + 1, statement.found.writes, called=True)


def _insert(statement: _Statement, position: int) -> int:
    following = statement.low(position + 1)
    if following == "overwrite":
        return statement.table(position + 1, statement.found.writes, called=True)
    return position + 1


def _update(statement: _Statement, position: int) -> int:
    before = statement.low(position - 1)
    if before in {"do", "for", "key", "on", "then", "matched", "after", "before", "or"}:
        return position + 1
    return statement.table(position + 1, statement.found.writes)


def _truncate(statement: _Statement, position: int) -> int:
    if position and statement.low(position - 1):
        return position + 1
    return statement.list_of_tables(position + 1, statement.found.writes)


def _create(statement: _Statement, position: int) -> int:
    kinds, after = set[str](), position + 1
    while statement.low(after) in _KINDS:
        kinds.add(statement.low(after))
        after += 1
    if statement.low(after) not in {"table", "view"}:
        return after
    name: set[str] = set()
    end = statement.table(after + 1, name, called=True)
    if kinds & _TEMPORARY or any(one.startswith("#") for one in name):
        statement.temporary |= {one.lower() for one in name}
    else:
        statement.found.writes.update(name)
    if statement.low(end) in {"like", "clone", "copy"} or statement.low(end + 1) == "clone":
        return statement.table(end + 1 + (statement.low(end) == "shallow"), statement.found.reads)
    return end


def _drop(statement: _Statement, position: int) -> int:
    after = position + 1
    while statement.low(after) in _KINDS:
        after += 1
    if statement.low(after) not in {"table", "view"}:
        return after
    return statement.list_of_tables(after + 1, statement.found.mentions)


def _alter(statement: _Statement, position: int) -> int:
    if statement.low(position + 1) != "table":
        return position + 1
    side: set[str] = set()
    end = statement.table(position + 2, side)
    for after in range(end, len(statement.words) - 2):
        pair = statement.low(after), statement.low(after + 1)
        if pair in {("rename", "to"), ("swap", "with"), ("exchange", "with")}:
            statement.table(after + 2, statement.found.writes)
            if pair[0] == "swap":
                statement.found.writes.update(side)
    statement.found.mentions.update(side)
    return len(statement.words)


def _copy(statement: _Statement, position: int) -> int:
    if statement.sign(position + 1) == "(" or statement.low(position + 1) == "into":
        return position + 1  # a query, or what _into reads
    side: set[str] = set()
    end = statement.table(position + 1, side, called=True)
    if statement.sign(end) == "(":  # its columns
        end = statement.closing(end) + 1
    if statement.low(end) == "from":
        statement.found.writes.update(side)
    elif statement.low(end) == "to":
        statement.found.reads.update(side)
        return statement.table(end + 1, statement.found.writes)
    return end


def _refresh(statement: _Statement, position: int) -> int:
    if statement.low(position + 1) == "materialized" and statement.low(position + 2) == "view":
        after = position + 3 + (statement.low(position + 3) == "concurrently")
        return statement.table(after, statement.found.writes)
    return position + 1


def _quoted(statement: _Statement, position: int) -> int:
    """UNLOAD ('...'), EXECUTE IMMEDIATE '...' and DO $$...$$ hold statements in a text."""
    for word in statement.words[position + 1 : position + 4]:
        if word.kind in {"text", "body"}:
            inner = tables_of(_unquoted(word.text))
            statement.found.reads.update(inner.reads)
            statement.found.writes.update(inner.writes)
            statement.found.mentions.update(inner.mentions)
            break
    return position + 1


def _unquoted(text: str) -> str:
    return re.sub(r"^\$\w*\$|\$\w*\$$", "", text) if text.startswith("$") else text[1:-1].replace("''", "'")


def _common_tables(words: Sequence[_Word]) -> Iterator[str]:
    """The names of common table expressions: `x AS (`, `x (a, b) AS (`, after WITH or a comma."""
    if not any(word.low == "with" for word in words):
        return
    for position, word in enumerate(words):
        if word.low != "as":
            continue
        after = position + 1
        while after < len(words) and words[after].low in {"not", "materialized"}:
            after += 1
        if after >= len(words) or words[after].text != "(":
            continue
        before = position - 1
        if words[before].text == ")":
            before = max((at for at in range(before) if words[at].text == "("), default=0) - 1
        follows = words[before - 1] if before > 0 else None
        if follows is not None and (follows.low in {"with", "recursive"} or follows.text == ","):
            yield _bare(words[before].text).lower()


_READERS = {
    "from": _from,
    "join": _join,
    "using": _using,
    "into": _into,
    "insert": _insert,
    "update": _update,
    "truncate": _truncate,
    "create": _create,
    "drop": _drop,
    "alter": _alter,
    "copy": _copy,
    "refresh": _refresh,
    "unload": _quoted,
    "execute": _quoted,
    "do": _quoted,
}
