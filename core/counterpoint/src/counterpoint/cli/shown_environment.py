"""What `doctor` tells of the environment that it goes by: file, root, tracking, and which secrets resolve here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError

if TYPE_CHECKING:
    from counterpoint.configuration import Environment

REFERENCE = "secret"


def environment_checks(environment: Environment | None) -> list[dict[str, Any]]:
    """One row for each thing that an environment says; no value of a secret is told."""
    if environment is None:
        return [_row("environment", "none: there is no counterpoint.toml here, or it names no default")]
    rows = [
        _row("environment", f"{environment.name} of {environment.file}"),
        _row("tracking", environment.tracking or "below the root"),
    ]
    return [*rows, *(_secret(name, reference) for name, reference in sorted(environment.secrets.items()))]


def _secret(name: str, reference: str) -> dict[str, Any]:
    from counterpoint.runtime.secrets import resolved

    what = f"{name} ({reference})"
    try:
        resolved(reference)
    except CounterpointError as error:
        place, _, fix = str(error).rpartition(": ")
        return {"what": REFERENCE, "state": f"{what} does not resolve here: {place}", "fix": fix}
    except Exception as error:  # noqa: BLE001 - whatever the server says that was asked
        return {"what": REFERENCE, "state": f"{what} cannot be asked for here", "fix": type(error).__name__}
    return _row(REFERENCE, f"{what} resolves here")


def _row(what: str, state: str) -> dict[str, Any]:
    return {"what": what, "state": state, "fix": None}
