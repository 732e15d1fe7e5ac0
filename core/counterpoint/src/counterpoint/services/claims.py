"""The claim of a target on a database, and the pools that it may change; for the adapters' own commands."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import CounterpointError, UsageError
from counterpoint.service_environment import SITE
from counterpoint.services.leases import in_use
from counterpoint.services.processes import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import Pool

# prefix of the lines in a command's log that the user sees too
TOLD = "counterpoint: "


@dataclass(frozen=True, slots=True)
class Claim:
    """The target that uses a database: its identity, the folder of its services, and the machine where these run."""

    target: str
    home: str
    host: str

    @classmethod
    def here(cls) -> Claim:
        """The claim of this process's service environment.

        Raises:
            UsageError: this process belongs to no service environment, so that nothing may be changed.
        """
        target, home = os.environ.get(SITE), os.environ.get(MARK)
        if not target or not home:
            raise UsageError(
                "nothing was changed: this command belongs to 'counterpoint up', which starts it for a server of its"
                " own; on another server it does not know what is its own"
            )
        return cls(target, home, socket.gethostname())

    def to_json(self) -> str:
        """The claim as it is stored in the database."""
        return json.dumps(asdict(self))

    def refuse_other(self, stored: str | None, fix: str) -> None:
        """Refuses a database that another target uses; `fix` says how to remove that target's claim.

        Raises:
            UsageError: names the other service environment.
        """
        other = Claim(**json.loads(stored)) if stored else self
        if other.target == self.target or (other.host == self.host and not in_use(Path(other.home))):
            return
        raise UsageError(
            f"the database is used by the services of {other.home} on {other.host}: stop them, or give these services"
            f" another --database; if they are gone for good, {fix}"
        )


def may_set(pool: Pool, current_slots: int | None, *, ours: bool) -> bool:
    """Whether to set a declared pool's slots; a pool that somebody else has made stays, and a message says so."""
    if current_slots is None or ours:
        return current_slots != pool.slots
    if current_slots != pool.slots:
        tell(
            f"pool {pool.name} was not made by Counterpoint and stays as it is: {current_slots} slots, where the"
            f" pipeline declares {pool.slots}"
        )
    return False


def tell(text: str) -> None:
    """Writes a message to the user of the command that has started this one."""
    sys.stderr.write(f"{TOLD}{text}\n")
    sys.stderr.flush()


def carried_out(command: Callable[[], None]) -> int:
    """Runs a command of an adapter, reports its error in one line, and returns its exit code."""
    try:
        command()
    except CounterpointError as error:
        tell(str(error))
        return error.exit_code
    return 0
