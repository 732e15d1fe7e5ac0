"""The guardian: starts the processes of a service, and ends every one of them when its last user is gone.

It reads its orders on standard input. A user holds a lock, which the system releases however the user ends. After the
starting command has reported that the service is ready, a process that ends is restarted a few times; a process with
`restart_during_startup` also before. Run as `python -m counterpoint.services.process_supervisor`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from counterpoint.processes import ProcessId, adopt_orphans, descendants, die_with_parent
from counterpoint.services.identity import ANOTHER, STATE, here
from counterpoint.services.leases import GUARD, USE, alone
from counterpoint.services.processes import by_number, end_all, in_session, living, of_target

if TYPE_CHECKING:
    from collections.abc import Iterable

_TICK = 0.2
MOST_RESTARTS = 5
_RECOVERY_SECONDS = 60.0
_ASKED_AGAIN_AFTER = 2.0
# variable that marks all processes that one process of a service has started
PART = "COUNTERPOINT_SERVICE_PART"


class Guardian:
    """Holds the processes of one service, and publishes their state in a file."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.home, self.target = Path(order["home"]), str(order["site"])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: Counter[str] = Counter()
        self.told: dict[str, int | None] = {}
        self.order = order
        self.ready = self.stopping = self.abandoned = False

    def start(self) -> None:
        """Starts all processes at once, each in its own session and with its own log file."""
        for process in self.order["processes"]:
            self._launch(process)
        self.tell()

    def _launch(self, process: dict[str, Any]) -> None:
        with self._log(process["name"]) as log:
            self.processes[process["name"]] = subprocess.Popen(
                process["command"],
                env=self._environment(process),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - no threads here
            )

    def _environment(self, process: dict[str, Any]) -> dict[str, str]:
        return {**self.order["environment"], **process["environment"], PART: self._part(process["name"])}

    def _part(self, name: str) -> str:
        return part_of(self.target, name)

    def _log(self, name: str) -> IO[bytes]:
        logs = self.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return (logs / f"{name}.log").open("ab")

    def tell(self) -> None:
        """Writes the state file."""
        self.told = codes = self._codes()
        processes = {
            name: {"pid": p.pid, "started": ProcessId.of(p.pid).started, "code": codes[name]}
            for name, p in self.processes.items()
        }
        here(self.target, processes, ready=self.ready, stopping=self.stopping).write(self.home)

    def watch(self) -> None:
        """Returns when nobody uses the service or after a stop signal; publishes when a process has ended for good.

        It then holds the lock, so nobody can use the service before this process has ended.
        """
        while not self.stopping and alone(self.home, USE) is None:
            self._listen()
            self._revive()
            self._reap()
            if self._codes() != self.told:
                self.tell()

    def _listen(self) -> None:
        """Waits a moment for the message that all is ready; the starting command may end while others go on."""
        readable, _, _ = select.select([] if self.abandoned else [sys.stdin], [], [], _TICK)
        if readable and os.read(sys.stdin.fileno(), 4096):
            self.ready = True
            self.restarts.clear()
            self.tell()
        elif readable:
            self.abandoned = True

    def _revive(self) -> None:
        """Restarts processes that have ended, after killing the processes that they had started."""
        for process in self.order["processes"]:
            name = process["name"]
            code = self.processes[name].poll()
            if code is None or not self._is_restarted(name):
                continue
            self.restarts[name] += 1
            end_all([*living(PART, self._part(name)), *in_session(self.processes[name].pid)])
            with self._log(name) as log:
                log.write(f"ended with code {code}; started again\n".encode())
                log.flush()
                if process["recover"] and self.ready:
                    self._recover(process, log)
            self._launch(process)
            self.tell()

    def _codes(self) -> dict[str, int | None]:
        """The exit code of each process that has ended for good; None for a process that will be restarted."""
        return {name: None if self._is_restarted(name) else p.poll() for name, p in self.processes.items()}

    def _is_restarted(self, name: str) -> bool:
        """Whether a process is restarted if it ends now."""
        restart_during_startup = any(
            process["restart_during_startup"] for process in self.order["processes"] if process["name"] == name
        )
        return not self.stopping and self.restarts[name] < MOST_RESTARTS and (self.ready or restart_during_startup)

    def _reap(self) -> None:
        """Reaps orphans of its processes, which would otherwise stay zombies and keep their process ids."""
        if sys.platform != "linux":  # only on Linux the guardian inherits orphans
            return
        own = {process.pid for process in self.processes.values()}
        with suppress(ChildProcessError):  # it has no children
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in own:
                os.waitpid(ended.si_pid, os.WNOHANG)

    def _recover(self, process: dict[str, Any], log: IO[bytes]) -> None:
        """Runs the recovery command of a process, which repairs what the process has left unfinished."""
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                process["recover"],
                env=self._environment(process),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_RECOVERY_SECONDS,
                check=False,
            )

    def _any_lives(self) -> bool:
        return any(process.poll() is None for process in self.processes.values())

    def _ask(self, names: Iterable[str]) -> None:
        for name in names:
            if self.processes[name].poll() is None:
                self.processes[name].terminate()

    def stop(self) -> None:
        """Ends all processes: terminates the roots first, then kills the target's processes and their descendants."""
        self.stopping = True
        self.tell()
        self._ask(self.processes)
        slow = [process["name"] for process in self.order["processes"] if process["slow"]]
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < self.order["patience"] and self._any_lives():
            if slow and waited > _ASKED_AGAIN_AFTER:
                self._ask(slow)
                slow = []
            time.sleep(_TICK / 4)
        sessions = [process.pid for process in self.processes.values()]
        end_all([*by_number(descendants(os.getpid())), *of_target(self.target, str(self.home.resolve()), sessions)])
        for process in self.processes.values():
            process.wait()
        (self.home / STATE).unlink(missing_ok=True)


def part_of(target: str, name: str) -> str:
    """The mark of all processes that one process of a service environment has started."""
    return f"{target}#{name}"


def _order() -> bytes:
    """The first line of standard input, read byte by byte so that `select` sees all that follows."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    return line


def main() -> None:
    """Reads the order, one line of JSON, and guards the service until nobody uses it."""
    guardian = Guardian(json.loads(_order()))
    if alone(guardian.home, GUARD) is None:
        sys.exit(ANOTHER)
    adopt_orphans()

    def stop(*_: object) -> None:
        guardian.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        guardian.start()
        guardian.watch()
    finally:
        guardian.stop()


if __name__ == "__main__":
    main()
