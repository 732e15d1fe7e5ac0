"""The columns that are compared, by the options: some of them, all but some, names in any case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from counterpoint.diff.report import Options


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of both tables that are compared, own name: name in the comparison, and the options that remain."""

    left: Mapping[str, str]
    right: Mapping[str, str]
    options: Options

    @classmethod
    def of(cls, left: Collection[str], right: Collection[str], options: Options) -> Choice:
        """The choice for two tables with such columns.

        Raises:
            UsageError: An option names a column that neither table has, or names differ in case alone on one side.
        """
        names = {name: name for name in left}, _matched(left, right) if options.any_case else {n: n for n in right}
        both = dict.fromkeys([*left, *names[1].values()])
        key = tuple(_named(name, both, options) for name in options.key)
        wanted = {_present(name, both, options, "--columns") for name in options.columns} | {*key}
        ignored = {_present(name, both, options, "--ignore") for name in options.ignore}
        if in_key := next((name for name in key if name in ignored), None):
            raise UsageError(f"--ignore {in_key}: it is a column of --key; leave it out of one of them")
        kept = [name for name in both if name not in ignored and (not options.columns or name in wanted)]
        rest = replace(options, key=key, columns=(), ignore=(), any_case=False)
        return cls(_of(names[0], kept), _of(names[1], kept), rest)


def _of(names: Mapping[str, str], kept: Collection[str]) -> dict[str, str]:
    return {own: name for own, name in names.items() if name in kept}


def _matched(left: Iterable[str], right: Iterable[str]) -> dict[str, str]:
    """The right table's columns by the left table's names that differ from theirs in case alone."""
    ours, theirs = _folded(left, "left"), _folded(right, "right")
    return {name: ours.get(folded, name) for folded, name in theirs.items()}


def _folded(names: Iterable[str], side: str) -> dict[str, str]:
    folded: dict[str, str] = {}
    for name in names:
        if other := folded.get(name.casefold()):
            raise UsageError(
                f"--case-insensitive-names: the {side} table has the columns {other!r} and {name!r}; rename one"
            )
        folded[name.casefold()] = name
    return folded


def _named(name: str, names: Iterable[str], options: Options) -> str:
    """The column with a name that an option gives, in the case that it has."""
    alike = {each.casefold(): each for each in names} if options.any_case else {}
    return alike.get(name.casefold(), name)


def _present(name: str, names: Collection[str], options: Options, option: str) -> str:
    own = _named(name, names, options)
    if own not in names:
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
        raise UsageError(f"{option} {name}: neither table has such a column; {hint}")
    return own
