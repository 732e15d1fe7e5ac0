"""The service environment of an orchestrator, and the plan of its processes."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterpoint.http import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# the user of a service environment's server, with the service environment's own password
USER = "counterpoint"
# names the service environment to each of its processes
SITE = "COUNTERPOINT_SITE"
# set for the processes of a service environment whose schedules and sensors are switched on
SCHEDULES = "COUNTERPOINT_SCHEDULES"
# the tag of everything that a service environment creates, for orchestrators that have tags with values
SITE_TAG = "counterpoint/site"


def tags_of_target(target: str | None = None) -> dict[str, str]:
    """The tag of a service environment, by default that of this process; empty if there is none."""
    name = target if target is not None else os.environ.get(SITE)
    return {SITE_TAG: name} if name else {}


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a service: its name (also of the log file), its command, its own variables.

    `recover` is a command that runs after the process has ended by itself, before it is restarted. A command that
    ends by itself (`prepare`) is a process as well. With `restart_during_startup`, a process that ends because
    something is missing is restarted while the service starts. A process that is `slow` to end is signalled twice.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    recover: tuple[str, ...] = ()
    restart_during_startup: bool = False
    slow: bool = False


@dataclass(frozen=True, slots=True)
class ServiceEnvironment:
    """The environment of an orchestrator's services: a folder below the root, loopback ports, a database.

    `root` is the data root of its runs, `pipelines` the served names, `database` an SQLAlchemy URL (None: SQLite in
    `home`), `schedules` whether schedules and sensors are switched on. The schedules of `paused` pipelines are off
    from the start; the schedules of the others are then off until they are switched on. `id` is written into everything
    that the service environment creates (runs, deployments, the environment of its processes); it never ends, fails,
    pauses or overwrites anything without its id.
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
        """The password of `USER`, derived from the secret; the secret itself signs and is never shown."""
        return hmac.new(self.secret.encode(), b"login", hashlib.sha256).hexdigest()

    @property
    def is_ours(self) -> bool:
        """True."""
        return True

    @property
    def access(self) -> Access:
        """What its server lets us in by."""
        return Access(user=USER, password=self.password)

    @property
    def password_file(self) -> Path:
        """The file with the password, for people."""
        return self.home / "password"

    @property
    def login(self) -> str:
        """The instructions to log in, without the password itself."""
        return f"log in as {USER} with the password in {self.password_file}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The processes that run an orchestrator's services in a service environment.

    `prepare` runs first, in order (migrations, pools). `processes` then start together and keep running. `post_start`
    runs in order when all are `ready` (deployments). `ready` returns None when the services can take runs, else one
    line about what is missing. `environment` is for all of them. The user's own variables with a prefix in `without`
    are removed, because they could lead to other servers.
    """

    processes: tuple[Process, ...]
    ready: Callable[[], str | None]
    prepare: tuple[Process, ...] = ()
    post_start: tuple[Process, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
