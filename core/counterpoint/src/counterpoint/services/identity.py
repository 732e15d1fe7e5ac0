"""Which target a home is, and whether its guardian lives: what is looked at before anything of a target is ended."""

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

# the service environment that a guardian guards, in the guardian's environment
GUARDED = "COUNTERPOINT_GUARDS"
# the code of a guardian that finds another one, unseen from here: in another container
ANOTHER = 75
_IDENTITY, STATE = "identity.json", "processes.json"


def target_id(home: Path) -> str:
    """The identity of a home, made with it; a copy that lies elsewhere is another target and gets one of its own."""
    known = known_id(home)
    if known is None:
        known = secrets.token_hex(8)
        part = home / f"{_IDENTITY}.{known}"
        part.write_text(json.dumps({"id": known, "home": str(home.resolve())}), encoding="utf-8")
        part.replace(home / _IDENTITY)
    return known


def known_id(home: Path) -> str | None:
    """The identity that was made for a home at this very place."""
    values = _read(home / _IDENTITY)
    return str(values["id"]) if values.get("home") == str(home.resolve()) and values.get("id") else None


def _read(path: Path) -> dict[str, Any]:
    """The values of a small file; of one that is absent or damaged, none."""
    with suppress(OSError, ValueError):
        values = json.loads(path.read_text(encoding="utf-8"))
        return values if isinstance(values, dict) else {}
    return {}


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a guardian says of itself and its processes: what runs, whether all is ready, whether it ends them now."""

    target: str
    guardian: ProcessId
    processes: dict[str, Any]
    ready: bool = False
    stopping: bool = False

    def write(self, home: Path) -> None:
        """Writes it into the home, whole or not at all."""
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
        """The sessions that its processes were begun in; none of another start of the machine."""
        return [int(one["pid"]) for one in self.processes.values()] if self.guardian.boot == boot() else []

    @property
    def lives(self) -> bool:
        """Whether the guardian runs: the same process, of this start of the machine, that guards this target."""
        if not self.guardian.lives:
            return False
        try:
            return psutil.Process(self.guardian.pid).environ().get(GUARDED) == self.target
        except psutil.AccessDenied:  # another user's
            return True
        except (psutil.Error, OSError):
            return False


def guarded(home: Path) -> Guarded | None:
    """What the last guardian of this very home has said; None when it has ended in order, or there was none."""
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
    found = guarded(home)
    return found if found and found.lives else None


def here(target: str, processes: dict[str, Any], *, ready: bool, stopping: bool) -> Guarded:
    """What this process says, which guards a service environment."""
    return Guarded(target, ProcessId.of(os.getpid()), processes, ready, stopping)
