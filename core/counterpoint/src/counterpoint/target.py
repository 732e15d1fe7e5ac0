"""What an adapter speaks to: the services of a service environment, or the server of a team's own installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from counterpoint.http import Access

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Target(Protocol):
    """A server of an orchestrator, whoever started it.

    `home` is a folder of this machine for the orchestrator's own files, `root` where the data of its runs lies, and
    `id` the identity in what it makes, empty where it has none. Only what `is_ours` may be paused, repaired or stopped.
    """

    @property
    def home(self) -> Path:
        """The folder."""

    @property
    def root(self) -> str:
        """The root."""

    @property
    def id(self) -> str:
        """The identity."""

    @property
    def schedules(self) -> bool:
        """Whether its schedules are switched on."""

    @property
    def is_ours(self) -> bool:
        """Whether Counterpoint has started it."""

    @property
    def access(self) -> Access:
        """What lets us in."""

    @property
    def login(self) -> str:
        """How a person logs in, in words that hold no secret."""

    def url(self, port: str = "web") -> str:
        """The base URL."""


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """The server of a team's own installation, as `[target.NAME]` of `counterpoint.toml` describes it.

    Attributes:
        name: Its name in the file.
        kind: The orchestrator.
        address: The URL of its API, or of the page that has it.
        root: Where the data of its runs lies.
        home: A folder of this machine for the orchestrator's own files.
        enter: Reads what lets us in, when a server is asked first.
        place: The file and the table, for messages.
        env: The environment that names it.
    """

    name: str
    kind: str
    address: str
    root: str
    home: Path
    enter: Callable[[], Access] = field(default=Access, repr=False, compare=False)
    place: str = ""
    env: str = ""

    @property
    def id(self) -> str:
        """Nothing: what others made there bears no identity of ours."""
        return ""

    @property
    def schedules(self) -> bool:
        """True: it is the team's to switch them."""
        return True

    @property
    def is_ours(self) -> bool:
        """False."""
        return False

    @property
    def access(self) -> Access:
        """What lets us in.

        Raises:
            UsageError: A secret or the file of certificates cannot be read here; names place and fix.
        """
        return self.enter()

    @property
    def login(self) -> str:
        """The place of the description."""
        return self.place

    def url(self, port: str = "web") -> str:  # noqa: ARG002 - it has one address
        """The address."""
        return self.address
