"""The identity of a home's target and the state of its guardian, which are checked before any process is ended."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from counterpoint.processes import ProcessId, boot

if TYPE_CHECKING:
    from pathlib import Path

# variable in a guardian's environment: the id of the service environment that it guards
GUARDED = "COUNTERPOINT_GUARDS"
# exit code of a guardian that finds another guardian, which is not visible from here (in another container)
ANOTHER = 75
_IDENTITY, STATE = "identity.json", "processes.json"


def target_id(home: Path) -> str:
    """The identity of a home, created with it; a copy of a home elsewhere is another target with its own identity."""
    known = known_id(home)
    if known is None:
        known = secrets.token_hex(8)
        part = home / f"{_IDENTITY}.{known}"
        part.write_text(json.dumps({"id": known, "home": str(home.resolve())}), encoding="utf-8")
        part.replace(home / _IDENTITY)
    return known


def known_id(home: Path) -> str | None:
    """The identity that was created for the home at this path; None for a copy or a new home."""
    values = _read(home / _IDENTITY)
    return str(values["id"]) if values.get("home") == str(home.resolve()) and values.get("id") else None


def _read(path: Path) -> dict[str, Any]:
    """The values of a small JSON file; empty if the file is missing or damaged."""
    with suppress(OSError, ValueError):
        values = json.loads(path.read_text(encoding="utf-8"))
        return values if isinstance(values, dict) else {}
    return {}


@dataclass(frozen=True, slots=True)
class Guarded:
    """The state that a guardian publishes: its processes, whether they are ready, and whether it is ending them."""

    target: str
    guardian: ProcessId
    processes: dict[str, Any]
    ready: bool = False
    stopping: bool = False

    def write(self, home: Path) -> None:
        """Writes the state into the home atomically."""
        who = self.guardian
        values = {
            "site": self.target,
            "guardian": who.pid,
            "started": who.started,
            "boot": who.boot,
            "ready": self.ready,
            "stopping": self.stopping,
            "processes": self.processes,
        }
        part = home / f"{STATE}.part"
        part.write_text(json.dumps(values), encoding="utf-8")
        part.replace(home / STATE)

    @property
    def sessions(self) -> list[int]:
        """The session ids of its processes; none if the machine has been restarted since."""
        return [int(process["pid"]) for process in self.processes.values()] if self.guardian.boot == boot() else []

    @property
    def lives(self) -> bool:
        """Whether the guardian runs: the same process, since the same boot, and it guards this target."""
        if not self.guardian.lives:
            return False
        try:
            return psutil.Process(self.guardian.pid).environ().get(GUARDED) == self.target
        except psutil.AccessDenied:  # another user's
            return True
        except (psutil.Error, OSError):
            return False


def guarded(home: Path) -> Guarded | None:
    """The last state that a guardian of this home published; None after a normal end, or if there was no guardian."""
    values = _read(home / STATE)
    target = known_id(home)
    if target is None or values.get("site") != target:
        return None
    try:
        who = ProcessId(int(values["guardian"]), str(values["started"]), str(values["boot"]))
        return Guarded(target, who, dict(values["processes"]), bool(values["ready"]), bool(values["stopping"]))
    except (KeyError, TypeError, ValueError):
        return None


def guardian_of(home: Path) -> Guarded | None:
    """The living guardian of a home, or None."""
    state = guarded(home)
    return state if state and state.lives else None


def here(target: str, processes: dict[str, Any], *, ready: bool, stopping: bool) -> Guarded:
    """The state of this process as the guardian of a service environment."""
    return Guarded(target, ProcessId.of(os.getpid()), processes, ready, stopping)
