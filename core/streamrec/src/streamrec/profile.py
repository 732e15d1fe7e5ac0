"""The profile of a foreign source: which column means what, how stamps are written, what is no event."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from counterpoint.errors import UsageError
from streamrec.fileformat import KEYS, FileFormat, parse_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

REQUIRED = ("user_id", "item_id", "event_type", "timestamp")
FIELDS = (*REQUIRED, "watch_seconds", "device", "category")
# {date}, or with a form of strftime such as {date:%Y%m%d}
DATE = re.compile(r"\{date(?::([^{}]+))?\}")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEYS: dict[str, tuple[str, ...] | None] = {
    "columns": FIELDS,
    "timestamps": ("format", "timezone", "unit"),
    "defaults": ("event_type", "watch_seconds", "device", "category"),
    "interactions": ("keep",),
    "calendar": ("closed", "may_be_empty"),
    "contract": None,
    "event_types": None,
    **KEYS,
}
_TEXTS = ("files", "about")


@dataclass(frozen=True, slots=True)
class Profile:
    """How a folder of files is read as events.

    `files` is a pattern below the folder, with or without `{date}` or `{date:%Y%m%d}`; `columns` maps fields to
    columns of the files; `keep` is a SQL expression over the files' own columns; `closed` are weekdays, dates, or
    ranges `A..B` on which there is nothing to read; `contract` overrides limits; `about` says whence it is;
    `written` is how the files are written.
    """

    files: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    timezone: str | None = None
    defaults: Mapping[str, str | float] = field(default_factory=dict)
    keep: str | None = None
    closed: tuple[str, ...] = ()
    contract: Mapping[str, Any] = field(default_factory=dict)
    about: str | None = None
    # not in the repr, from which a source's digest is made, so that digests of older releases stay
    written: FileFormat = field(default_factory=FileFormat, repr=False)

    @property
    def identity(self) -> str:
        """A text that differs for profiles that read files otherwise."""
        return repr(self) if self.written == FileFormat() else f"{self!r} {self.written!r}"

    def column(self, name: str) -> str:
        """The column of the files that holds a field."""
        return self.columns.get(name, name)

    def pattern(self, day: date | None) -> str:
        """The pattern of the files of a day (None: of any day)."""
        return DATE.sub(lambda form: day.strftime(form[1] or "%Y-%m-%d") if day else "*", self.files or "**/*")

    @property
    def is_by_day(self) -> bool:
        """Whether the pattern of the files names the day."""
        return DATE.search(self.files or "") is not None

    def may_be_empty(self, day: date) -> bool:
        """Whether the profile says that this day may have no events."""
        empty = self.written.empty
        return empty if isinstance(empty, bool) else any(_covers(entry, day) for entry in empty)

    def is_closed(self, day: date) -> bool:
        """Whether the profile says that this day has no events at all."""
        return any(_covers(entry, day) for entry in self.closed)


def load_profile(path: str | Path) -> Profile:
    """The profile in a TOML file.

    Raises:
        UsageError: the file is absent or no TOML, or a key or value in it means nothing.
    """
    place = Path(path)
    try:
        values = tomllib.loads(place.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"profile {place}: {error.strerror or error}; give the path of a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"profile {place} is no TOML: {error}; correct it there") from None
    return parse_profile(values, str(place))


def parse_profile(values: Mapping[str, Any], place: str) -> Profile:
    """The profile of already parsed values; `place` is where they stand, for messages.

    Raises:
        UsageError: a key or value means nothing.
    """
    _check_keys(values, place)
    stamps, calendar = values.get("timestamps", {}), values.get("calendar", {})
    columns = dict(values.get("columns", {}))
    if isinstance(columns.get("timestamp"), list):
        columns["timestamp"] = _date_column(columns["timestamp"], place)
    profile = Profile(
        files=values.get("files"),
        columns=columns,
        format=stamps.get("format"),
        timezone=stamps.get("timezone"),
        defaults=values.get("defaults", {}),
        keep=values.get("interactions", {}).get("keep"),
        closed=tuple(calendar.get("closed", ())),
        contract=values.get("contract", {}),
        about=values.get("about"),
        written=parse_format(values, place),
    )
    _check_values(profile, place)
    return profile


def _date_column(names: list[Any], place: str) -> str:
    """The first of the two columns that hold date and time."""
    if not (len(names) == len(("date", "time")) and all(isinstance(name, str) for name in names)):
        raise UsageError(f"profile {place}: timestamp = {names!r} must be a column, or those of date and of time")
    return str(names[0])


def _check_keys(values: Mapping[str, Any], place: str) -> None:
    for name, value in values.items():
        _known(name, (*_TEXTS, *_KEYS), place)
        wanted = str if name in _TEXTS else dict
        if not isinstance(value, wanted):
            raise UsageError(f"profile {place}: {name} must be a {'text' if wanted is str else 'table'}")
        for key in value if isinstance(value, dict) and _KEYS[name] else ():
            _known(key, _KEYS[name] or (), f"{place}, [{name}]")


def _known(name: str, names: Iterable[str], place: str) -> None:
    if name in (known := tuple(names)):
        return
    suggest = get_close_matches(name, known, 1)
    hint = f"did you mean {suggest[0]!r}?" if suggest else f"known: {', '.join(known)}"
    raise UsageError(f"profile {place}: unknown key {name!r}; {hint}")


def _check_values(profile: Profile, place: str) -> None:
    texts = {**profile.columns, "format": profile.format or "", "timezone": profile.timezone or ""}
    texts["keep"] = profile.keep or ""
    for name, value in texts.items():
        if not isinstance(value, str):
            raise UsageError(f"profile {place}: {name} = {value!r} must be a text")
    _check_pattern(profile.files, place)
    _check_stamps(profile, place)
    for entry in (*profile.closed, *(profile.written.empty if isinstance(profile.written.empty, tuple) else ())):
        _check_closed(entry, place)
    watched = profile.defaults.get("watch_seconds", 0.0)
    if isinstance(watched, bool) or not isinstance(watched, (int, float)):
        raise UsageError(f"profile {place}, [defaults]: watch_seconds = {watched!r} must be a number")


def _check_pattern(files: str | None, place: str) -> None:
    path = PurePosixPath((files or "").replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"profile {place}: files = {files!r} leads out of the folder; write a pattern below it")
    if "{" in DATE.sub("", files or ""):
        raise UsageError(
            f"profile {place}: files = {files!r} has a placeholder that is not {{date}} or {{date:%Y%m%d}}"
        )


def _check_stamps(profile: Profile, place: str) -> None:
    where = f"profile {place}, [timestamps]"
    if profile.timezone is not None:
        try:
            ZoneInfo(profile.timezone)
        except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError on some platforms
            raise UsageError(f"{where}: no time zone {profile.timezone!r}; write one like Europe/London") from None
        except KeyError:
            raise UsageError(f"{where}: no time zone {profile.timezone!r}; write one like Europe/London") from None
    if profile.written.epoch and (profile.format or profile.written.time_column):
        raise UsageError(f"{where}: unit is of stamps that are numbers; leave out the format and the column of times")
    if profile.format and "%z" not in profile.format and profile.timezone is None:
        raise UsageError(f'{where}: stamps written {profile.format!r} carry no zone; add timezone = "..."')


def _check_closed(entry: Any, place: str) -> None:
    try:
        _covers(entry, date.min)
    except (ValueError, AttributeError):
        raise UsageError(
            f"profile {place}, [calendar]: closed or may_be_empty holds {entry!r}; write a weekday, a date YYYY-MM-DD,"
            " or a range YYYY-MM-DD..YYYY-MM-DD"
        ) from None


def _covers(entry: str, day: date) -> bool:
    if entry.lower() in _WEEKDAYS:
        return day.weekday() == _WEEKDAYS.index(entry.lower())
    first, _, last = entry.partition("..")
    return date.fromisoformat(first) <= day <= date.fromisoformat(last or first)
