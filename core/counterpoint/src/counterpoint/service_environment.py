"""Where an orchestrator's services live, and what makes them run."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# who a service environment's server lets in, with the service environment's own password
USER = "counterpoint"
# names the service environment to each of its processes
SITE = "COUNTERPOINT_SITE"
# set for the processes of a service environment whose schedules and sensors are switched on
SCHEDULES = "COUNTERPOINT_SCHEDULES"
# the tag of all that a service environment makes, where an orchestrator has tags with a value
SITE_TAG = "counterpoint/site"


def tags_of_target(target: str | None = None) -> dict[str, str]:
    """The tag of a service environment, or of this process's own; none where there is no service environment."""
    named = target if target is not None else os.environ.get(SITE)
    return {SITE_TAG: named} if named else {}


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a service: its name (of the log file, too), its command, its own variables.

    `recover` is a command that runs when the process has ended by itself, before it is started again. A command that
    ends by itself (`prepare`) is a process as well. With `restart_during_startup`, a process that
    ends because it lacks something is started again while the service starts. One that is `slow` to end is asked twice.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    recover: tuple[str, ...] = ()
    restart_during_startup: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class ServiceEnvironment:
    """Where an orchestrator's services live: a folder below the root, loopback ports, a database.

    `root` is the data root that its runs use, `pipelines` the names it serves, `database` an SQLAlchemy URL
    (None: SQLite in `home`), `schedules` whether schedules and sensors are switched on. Of the pipelines that are
    `paused`, the schedule is off from the first moment; that of the others is then off until it is switched on.
    `id` is written into all that the target makes (runs, deployments, the environment of its processes): what does not
    bear it is not the service environment's to end, fail, pause or overwrite.
    """

    home: Path
    root: str
    pipelines: tuple[str, ...]
    ports: Mapping[str, int]
    secret: str = field(repr=False)
    database: str | None = None
    schedules: bool = False
    paused: tuple[str, ...] = ()
    id: str = ""

    def url(self, port: str = "web") -> str:
        """The base URL of a port."""
        return f"http://127.0.0.1:{self.ports[port]}"

    @property
    def password(self) -> str:
        """What its server asks of `USER`; made of the secret, which signs and is shown to nobody."""
        return hmac.new(self.secret.encode(), b"login", hashlib.sha256).hexdigest()

    @property
    def password_file(self) -> Path:
        """Where a person reads the password."""
        return self.home / "password"

    @property
    def login(self) -> str:
        """How a person logs in, in words that hold no secret."""
        return f"log in as {USER} with the password in {self.password_file}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes an orchestrator's services run at a service environment.

    `prepare` runs first, one after the other (migrations, pools); `processes` then start at once and keep
    running; `post_start` runs one after the other when all are `ready` (deployments). `ready` is None when the
    services can take runs, else one line that says what is still missing. `environment` is for all of them; of the
    user's own variables, they do not get those that begin with a word of `without`, for these lead to other servers.
    """

    processes: tuple[Process, ...]
    ready: Callable[[], str | None]
    prepare: tuple[Process, ...] = ()
    post_start: tuple[Process, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
