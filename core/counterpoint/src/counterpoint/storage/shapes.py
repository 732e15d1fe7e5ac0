"""The required shape of each kind of JSON file below a root, by the file's path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from counterpoint.documents import parsed
from counterpoint.model import Materialization, RunRecord, RunRequest, StepRecord
from counterpoint.storage import layout


def moment(value: Any) -> bool:
    """Whether a value is a moment in ISO 8601 with a time zone."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _request(value: Any) -> bool:
    try:
        return isinstance(value, str) and fits(parsed(value, is_strict=False), RunRequest)
    except ValueError:
        return False


_MAYBE_MOMENT = (moment, None)
_OWNER = {"host": str, "pid": int, "started": float}
_ROW = {"date": str, "status": str, "blocked_by": [str], "run_id": str}
_BACKFILL = {
    "asked": {"pipeline": str, "first": str, "last": str, "version": str, "orchestrator": str},
    "owner": _OWNER,
    "status": str,
    "report": ({"partitions": [_ROW], "upstream": [_ROW]}, None),
}
_STATES = {"steps": {str: str}, "report?": (_ROW, None), "run_id?": str}
_CASE = {
    "id": str,
    "alert": dict,
    "outbox": [dict],
    **dict.fromkeys(("occurrences", "held", "deliveries"), list),
    **dict.fromkeys(("first_seen", "last_seen", "waiting", "told", "sent", "escalated"), _MAYBE_MOMENT),
}
# the mark that replaces an entry which a promotion has removed
_REMOVED = {"removed": lambda value: value is True}
_JOURNAL = {
    "tag": (str, None),
    "entries": {str: {str: (Materialization, _REMOVED)}},
    "told": {str: int},
    "dropping": [str],
}
_PARTY = {"name": str, "legacy": (dict, None)}
_OWNERS = {"owner": (_PARTY, None), "since": (str, None), "pending": (dict, None), "history": [dict]}
_ATTEMPT = {"attempt": int, "at": moment, "last": bool, "error": {"type": str, "message": str}}
_BREAKER = {"runs": [list], "opened": _MAYBE_MOMENT, "probe": (str, None), "probed": _MAYBE_MOMENT}
_WAITING = {
    **dict.fromkeys(("step", "partition", "run_id", "version"), str),
    **dict.fromkeys(("since", "until"), moment),
    "for": [str],
    "ended": _MAYBE_MOMENT,
    "approval?": {"by": [str], "note": str, "origin": str, "digest": str, "inputs": {str: str}},
}
_APPROVALS = {
    "decisions": [
        {
            **dict.fromkeys(("step", "run_id", "partition", "version", "by", "via", "login", "digest"), str),
            "approved": bool,
            "reason": str,
            "host": (str, None),
            "at": moment,
            "inputs": {str: str},
        }
    ]
}
_BEGUN = {"run_id": str, "orchestrator": str, "attempt": int, "at": moment}
_SITE = {"root": str, "pipelines": [str], "ports": {str: int}, "database": (str, None), "schedules": bool}
_PART = r"[^/]+"


def _like(place: Callable[..., str], *parts: str) -> str:
    """A pattern of the paths that a layout function makes, with patterns in place of its arguments."""
    marks = [f"<{number}>" for number in range(len(parts))]
    pattern = re.escape(place(*marks))
    for mark, part in zip(marks, parts, strict=True):
        pattern = pattern.replace(mark, part)
    return pattern


_RUN = (_PART, _PART)
# the first that matches counts; group names are fields whose value must be that part of the path
KINDS: tuple[tuple[str, Any], ...] = (
    (_like(layout.promotion_journal, _PART, _PART), _JOURNAL),
    (_like(layout.catalog_entry, _PART, _PART, rf"(?P<step>{_PART})", rf"(?P<partition>{_PART})"), Materialization),
    (_like(layout.begun_step, _PART, _PART, _PART), _BEGUN),
    (_like(layout.run_pack, _like(layout.run_folder, *_RUN)), {"files": {str: dict}}),
    (_like(layout.run_record, _PART, rf"(?P<run_id>{_PART})"), RunRecord),
    (_like(layout.run_request, *_RUN), {"request": _request, "owner?": _OWNER, "native?": dict}),
    (_like(layout.run_lineage, *_RUN), dict),
    (_like(layout.step_failures, *_RUN, _PART), {"attempts": [_ATTEMPT]}),
    (_like(layout.step_bridged, *_RUN, _PART), {"bridged": [dict]}),
    (_like(layout.step_waiting, *_RUN, _PART), _WAITING),
    (_like(layout.step_approval, *_RUN, _PART), _APPROVALS),
    (_like(layout.step_record, *_RUN, r"(?P<name>\w+)(\.\d+)?"), StepRecord),
    (_like(layout.step_record, *_RUN, _PART), dict),
    (_like(layout.backfill_manifest, _PART, _PART), ({"status": lambda value: value == "dropped"}, _BACKFILL)),
    (_like(layout.backfill_states, _PART, _PART, _PART), _STATES),
    (_like(layout.version_mark, _PART, _PART), {"status": str}),
    (_like(layout.owner_record, _PART), _OWNERS),
    (_like(layout.native_run, _PART), {"pipeline": str, "run_id": str}),
    (_like(layout.alert_case, _PART), _CASE),
    (_like(layout.breaker, _PART, _PART), _BREAKER),
    (_like(layout.alerted_step, _PART, _PART, _PART, _PART), [str]),
    (_like(layout.served_settings, _PART, _PART), {"config": dict}),
    (
        _like(layout.effect_record, _PART, _PART, _PART, _PART, _PART),
        {"entry": Materialization, "key": str, "run_id": str},
    ),
    (_like(layout.target_record, _PART), _SITE),
    (_like(layout.resubmitted_to, _PART, _PART, _PART), {"files": {str: int}}),
    (_like(layout.resubmitted_from, _PART, _PART, _PART), {"sendings": [dict]}),
)


def problem(path: str, value: Any) -> str | None:
    """A description of what is wrong with the value of a file at a path below the root, or None."""
    for pattern, shape in KINDS:
        if match := re.fullmatch(pattern, path):
            if shape is Materialization and fits(value, _REMOVED):
                return None
            if not fits(value, shape):
                return "it does not hold what such a file holds"
            if path.endswith(f"/{layout.PACK}"):
                return _problem_inside(path, value["files"])
            subject = value["reference"] if shape is Materialization else value
            other = [name for name, word in match.groupdict().items() if subject[name] != word]
            return f"it is of another {other[0]}" if other else None
    return None


def _problem_inside(path: str, files: Mapping[str, Any]) -> str | None:
    """A description of what is wrong with a file in the pack of a run, or None."""
    folder = path.rpartition("/")[0]
    problems = ((name, problem(layout.run_file(folder, name), value)) for name, value in files.items())
    return next((f"{name} in it: {wrong}" for name, wrong in problems if wrong), None)


def fits(value: Any, shape: Any) -> bool:
    """Whether a JSON value has a shape: a type, a dataclass, or a JSON structure of shapes.

    A tuple lists alternatives. An object's keys are required unless they end with `?`. `{str: shape}` is an object with
    any keys.
    """
    if isinstance(shape, tuple):
        return any(fits(value, alternative) for alternative in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(element, shape[0]) for element in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and _object_fits(value, shape)
    if shape is None or shape is NoneType:
        return value is None
    if shape is Any:
        return True
    return _type_fits(value, shape)


def _object_fits(value: dict[str, Any], shape: dict[Any, Any]) -> bool:
    if str in shape:
        return all(fits(member, shape[str]) for member in value.values())
    return all(
        fits(value[key], inner) if (key := name.removesuffix("?")) in value else name.endswith("?")
        for name, inner in shape.items()
    )


def _type_fits(value: Any, shape: Any) -> bool:
    if is_dataclass(shape):
        return isinstance(value, dict) and _dataclass_fits(value, shape)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return value in {member.value for member in shape} if isinstance(value, str) else False
    if isinstance(shape, type):
        kinds = {float: (float, int), dict: dict}.get(shape, shape)
        return isinstance(value, kinds) and (shape is bool or not isinstance(value, bool))  # type: ignore[arg-type]
    return _annotation_fits(value, shape)


def _annotation_fits(value: Any, shape: Any) -> bool:
    origin, arguments = get_origin(shape), get_args(shape)
    if origin in {Union, UnionType}:
        return fits(value, arguments)
    if origin in {dict, Mapping}:
        return fits(value, {str: arguments[1]})
    if origin in {list, tuple}:
        return fits(value, [arguments[0]])
    return bool(shape(value))


def _dataclass_fits(value: dict[str, Any], shape: Any) -> bool:
    hints, required = _hints(shape)
    # `stamp` is added when an entry is put
    return required <= value.keys() <= {*hints, "stamp"} and all(
        fits(member, hints[name]) for name, member in value.items() if name in hints
    )


@cache
def _hints(shape: Any) -> tuple[dict[str, Any], set[str]]:
    hints = get_type_hints(shape, localns={"Mapping": Mapping, "datetime": datetime})
    required = {
        attribute.name
        for attribute in fields(shape)
        if attribute.default is MISSING and attribute.default_factory is MISSING
    }
    return hints, required
