"""Starting an orchestrator's services, waiting until they answer, and stopping every process of them."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.errors import ServiceError
from counterpoint.running.warm import ALLOCATOR, STEPS, command_of_service
from counterpoint.services.processes import MARK, end_all, marked
from counterpoint.services.sites import guardian_of, remember
from counterpoint.site import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.adapter import Adapter, Plan, Site

log = logging.getLogger(__name__)
START_SECONDS = 180.0
STOP_SECONDS = 20.0
_TAIL_LINES = 15


def mark_of(site: Site) -> str:
    """The mark that every process of a site carries in its environment."""
    return str(site.home)


def environment_of(site: Site, plan: Plan) -> dict[str, str]:
    """The variables of a site's processes: a home below the root, and nothing that points elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "DAGSTER", "PREFECT"))}
    return {
        **kept,
        "HOME": str(site.home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "COUNTERPOINT_ROOT": site.root,
        "COUNTERPOINT_PIPELINES": ",".join(site.pipelines),
        "PYTHONUNBUFFERED": "1",
        "_RJEM_MALLOC_CONF": ALLOCATOR,
        STEPS: str(_steps(site)),
        MARK: mark_of(site),
        **({"COUNTERPOINT_SCHEDULES": "1"} if site.schedules else {}),
        **plan.environment,
    }


@contextmanager
def serving(adapter: Adapter, site: Site) -> Iterator[Site]:
    """The services of a site, ready to take runs; all their processes are gone when the block is left.

    Raises:
        ServiceError: a process ended, or was not ready in time; holds the last lines of its log.
    """
    plan = adapter.plan(site)
    environment = environment_of(site, plan)
    end_all(marked(mark_of(site)))
    for process in plan.prepare:
        _complete(site, process, environment)
    guardian = _guardian(site, plan, environment)
    try:
        remember(site)
        _wait_until_ready(adapter, site, plan, guardian)
        for process in plan.settle:
            _complete(site, process, environment)
        _say(guardian, b"ready")
        yield site
    finally:
        _stop(guardian)


def _steps(site: Site) -> Path:
    return site.home / "steps.sock"


def _forking(site: Site) -> Process:
    """The process from which the site's steps are forked."""
    return Process("steps", tuple(command_of_service(_steps(site))))


def _complete(site: Site, process: Process, environment: dict[str, str]) -> None:
    """Runs a command that ends by itself."""
    log.info("%s", process.name)
    logs = site.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / f"{process.name}.log"
    with path.open("ab") as file:
        code = subprocess.run(
            process.command,
            env={**environment, **process.environment},
            cwd=site.home,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code:
        raise ServiceError(f"'{' '.join(process.command)}' ended with code {code}; its log {path} ends:\n{tail(path)}")


def _guardian(site: Site, plan: Plan, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    guardian = subprocess.Popen(
        [sys.executable, "-m", "counterpoint.services.guardian"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    order = {
        "home": str(site.home),
        "mark": mark_of(site),
        "environment": environment,
        "processes": [asdict(process) for process in (_forking(site), *plan.processes)],
        "patience": STOP_SECONDS,
    }
    _say(guardian, json.dumps(order).encode())
    return guardian


def _say(guardian: subprocess.Popen[bytes], line: bytes) -> None:
    assert guardian.stdin is not None  # noqa: S101 - it is a pipe
    guardian.stdin.write(line + b"\n")
    guardian.stdin.flush()


def _wait_until_ready(adapter: Adapter, site: Site, plan: Plan, guardian: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    missing, told = plan.ready(), None
    while missing is not None:
        if missing != told:
            log.info("%s: waiting: %s", adapter.name, missing)
            told = missing
        _refuse_ended(adapter, site, guardian)
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{adapter.name} was not ready after {START_SECONDS:g} s: {missing}\n{_tails(site, plan)}"
            )
        time.sleep(0.25)
        missing = plan.ready()


def _refuse_ended(adapter: Adapter, site: Site, guardian: subprocess.Popen[bytes]) -> None:
    if guardian.poll() is not None:
        raise ServiceError(
            f"the guardian of {adapter.name} ended with code {guardian.returncode}: see {site.home}/logs"
        )
    ended = ended_of(adapter, site)
    if ended:
        raise ServiceError(ended)


def ended_of(adapter: Adapter, site: Site) -> str | None:
    """Which process of a site has ended and is not started again, with the end of its log; None when none has."""
    try:
        state = json.loads((site.home / "processes.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for name, process in state["processes"].items():
        if process["code"] is not None:
            path = site.home / "logs" / f"{name}.log"
            return f"the {name} of {adapter.name} ended with code {process['code']}; its log {path} ends:\n{tail(path)}"
    return None


def _tails(site: Site, plan: Plan) -> str:
    return "\n".join(f"{p.name}:\n{tail(site.home / 'logs' / f'{p.name}.log')}" for p in plan.processes)


def tail(path: Path) -> str:
    """The last lines of a log, indented."""
    if not path.exists():
        return "  (empty)"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines) or "  (empty)"


def _stop(guardian: subprocess.Popen[bytes]) -> None:
    """Ends the guardian by the end of its input; a second interrupt does not leave anything behind."""
    assert guardian.stdin is not None  # noqa: S101 - it is a pipe
    guardian.stdin.close()
    while True:
        try:
            guardian.wait()
        except KeyboardInterrupt:
            continue
        return


def stop_site(home: Path) -> bool:
    """Stops the services that another command started; false when none were running."""
    guardian = guardian_of(home)
    if guardian is None:
        end_all(marked(str(home)))
        return False
    os.kill(guardian, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS + 10
    while guardian_of(home) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    return True
