"""Service environments: the folders of an orchestrator's services below the root, and their free loopback ports."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import stat
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.adapter import ServiceEnvironment
from counterpoint.commands import command
from counterpoint.errors import ServiceError, UsageError
from counterpoint.files import put, put_private
from counterpoint.redaction import hide, redacted
from counterpoint.services.identity import guardian_of, target_id
from counterpoint.storage import layout
from counterpoint.storage.objects import Objects
from counterpoint.storage.roots import checked_root, folder_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.adapter import Adapter

log = logging.getLogger(__name__)
# the folders that this process has warned about
_WARNED: set[Path] = set()


def home_of(root: str, orchestrator: str) -> Path:
    """The folder of an orchestrator's services; for a root in a bucket it lies in the working folder.

    A server's own database and logs need a file system, so they do not follow the data to a bucket. Each such root has
    its own folder, which is named after it.
    """
    if "://" not in root:
        return Path(root).absolute() / layout.services_home(orchestrator)
    return Path("counterpoint-data").absolute() / layout.services_home(orchestrator, folder_name(root))


def make_private(home: Path) -> None:
    """Creates the folder of services with access for its owner only: its files are executed, and hold runs' inputs.

    Raises:
        ServiceError: the folder belongs to another user, or everybody may replace it.
    """
    home.parent.mkdir(parents=True, exist_ok=True)
    for folder in (home.parent, home.parent.parent):
        _check_writers(folder)
    home.mkdir(mode=0o700, exist_ok=True)
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise ServiceError(
            f"{home} belongs to another user (uid {owner}), who could have his programs run as you:"
            " choose a --root of your own for services"
        )
    home.chmod(0o700)


def _check_writers(folder: Path) -> None:
    """Refuses a folder that everybody may write to; warns about a folder that a group may write to."""
    status = folder.stat()
    if status.st_mode & stat.S_ISVTX:
        return
    if status.st_mode & stat.S_IWOTH:
        raise ServiceError(
            f"{folder} may be changed by every user of this machine, who could have programs run as you:"
            f" 'chmod o-w {folder}', or choose another --root"
        )
    group = _sharing(status.st_gid) if status.st_mode & stat.S_IWGRP else None
    if group and folder not in _WARNED:
        _WARNED.add(folder)
        log.warning("%s is writable by the group %s: its members can run programs as you", folder, group)


def _sharing(gid: int) -> str | None:
    """The name of a group; None for the user's own group without other members."""
    import grp

    try:
        group = grp.getgrgid(gid)
    except KeyError:
        return str(gid)
    return None if gid == os.getgid() and not group.gr_mem else group.gr_name


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken(name: str, port: int) -> None:
    """Refuses a port that something listens on.

    Raises:
        ServiceError: names the port and the fix.
    """
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(
                f"port {port} ({name}) on 127.0.0.1 is taken ({error.strerror}): choose another with"
                f" --port {name}=N, or leave the option out and a free one is taken"
            ) from None


def new_target(
    adapter: Adapter,
    root: str,
    pipelines: tuple[str, ...],
    *,
    ports: Mapping[str, int] | None = None,
    database: str | None = None,
    schedules: bool = False,
) -> ServiceEnvironment:
    """A target with the given ports, or free ones; only their owner can read its secret and its password.

    Raises:
        UsageError: a port is named that the orchestrator does not have.
        ServiceError: a wanted port is taken.
    """
    wanted = dict(ports or {})
    for name, port in wanted.items():
        if name not in adapter.ports:
            raise UsageError(f"{adapter.name} has no port {name!r}: it has {', '.join(adapter.ports)}")
        refuse_taken(name, port)
    home = home_of(root, adapter.name)
    make_private(home)
    target = ServiceEnvironment(
        home=home,
        root=absolute(root),
        pipelines=pipelines,
        ports={name: wanted.get(name) or free_port() for name in adapter.ports},
        secret=_secret(home / "secret"),
        database=database,
        schedules=schedules,
        id=target_id(home),
    )
    put_private(target.password_file, f"{target.password}\n")
    return _hidden(target)


def password_of(home: Path) -> str:
    """The password of the target in a home, also before its services start."""
    make_private(home)
    return ServiceEnvironment(home, "", (), {}, _secret(home / "secret")).password


def _hidden(target: ServiceEnvironment) -> ServiceEnvironment:
    """Masks the secrets of a service environment in all output from now on, and returns it."""
    hide((target.secret, target.password))
    return target


def _secret(path: Path) -> str:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secret := secrets.token_hex(48))
    return secret


def remember(target: ServiceEnvironment) -> None:
    """Records the values by which other commands find the running service environment."""
    values = {
        "root": target.root,
        "pipelines": target.pipelines,
        "ports": dict(target.ports),
        "database": target.database and redacted(target.database),
        "schedules": target.schedules,
    }
    put(target.home / layout.SITE, json.dumps(values))


def running_target(root: str, orchestrator: str) -> ServiceEnvironment | None:
    """The service environment of a living guardian; None if there is none, or while it is starting or ending."""
    home = home_of(root, orchestrator)
    state = guardian_of(home)
    if state is None or not state.ready or state.stopping or not (home / layout.SITE).exists():
        return None
    values = _remembered(root, orchestrator)
    values["pipelines"] = tuple(values["pipelines"])
    return _hidden(ServiceEnvironment(home=home, secret=_secret(home / "secret"), id=state.target, **values))


def remembered(root: str) -> list[str]:
    """The pipelines that services of a root serve, or served last."""
    return [name for home in homes(root) for name in _remembered(root, home).get("pipelines", ())]


def homes(root: str) -> list[str]:
    """The orchestrators that ever had services on a root."""
    folder = home_of(root, "any").parent
    return sorted(path.name for path in folder.iterdir() if (path / layout.SITE).exists()) if folder.is_dir() else []


def _remembered(root: str, orchestrator: str) -> dict[str, Any]:
    """The recorded values of a service environment; empty if there are none.

    Raises:
        DamagedFileError: the file holds something else.
    """
    home = home_of(root, orchestrator)
    if not (home / layout.SITE).exists():
        return {}
    # the error names a damaged file by its path below this folder, which is the root if that is on a file system
    objects = Objects(str(home.parent.parent))
    return objects.get_json(layout.target_record(orchestrator, home.parent.name)) or {}


def absolute(root: str) -> str:
    """The root as an absolute path or URI, independent of a process's working folder.

    Raises:
        StorageError: the root cannot hold data.
    """
    checked = checked_root(root)
    return checked if "://" in checked else str(Path(checked).resolve())


def refuse_running(root: str, orchestrator: str) -> None:
    """Refuses to start services while others of the same root run.

    Raises:
        UsageError: services of this root run already; holds the command that stops them.
    """
    if running_target(root, orchestrator) is not None:
        stop = command("down", orchestrator, root=root)
        raise UsageError(f"{orchestrator} is running on {root}: stop it with '{stop}'")
