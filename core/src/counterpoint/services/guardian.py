"""The guardian: starts the processes of a service, and ends every one of them when its owner is gone.

It reads its orders on standard input and treats the end of that input, which comes however the owner
dies, as the order to stop. Once its owner has said that the service is ready, a process that ends is started again,
a few times; a hasty one before that, too. Run as `python -m counterpoint.services.guardian`.
"""

from __future__ import annotations

import ctypes
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

from counterpoint.services.processes import end_all, in_session, marked

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
_TICK = 0.2
MOST_RESTARTS = 5
_RECOVERY_SECONDS = 60.0
_ASKED_AGAIN_AFTER = 2.0
# marks what one process of a service has started
PART = "COUNTERPOINT_SERVICE_PART"


def _die_with_guardian() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Guardian:
    """Holds the processes of one service; `state` is the file in which others see how they do."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.home, self.mark = Path(order["home"]), str(order["mark"])
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: Counter[str] = Counter()
        self.order = order
        self.ready = self.stopping = False

    def start(self) -> None:
        """Starts all processes at once, each in a session of its own with a log file of its own."""
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
                preexec_fn=_die_with_guardian,  # noqa: PLW1509 - no threads here
            )

    def _environment(self, process: dict[str, Any]) -> dict[str, str]:
        return {**self.order["environment"], **process["environment"], PART: self._part(process["name"])}

    def _part(self, name: str) -> str:
        return f"{self.mark}#{name}"

    def _log(self, name: str) -> IO[bytes]:
        logs = self.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return (logs / f"{name}.log").open("ab")

    def tell(self) -> None:
        """Writes the state file, whole or not at all."""
        found = {name: {"pid": p.pid, "code": p.poll()} for name, p in self.processes.items()}
        part = self.home / "processes.json.part"
        part.write_text(json.dumps({"guardian": os.getpid(), "mark": self.mark, "processes": found}), encoding="utf-8")
        part.rename(self.home / "processes.json")

    def watch(self) -> None:
        """Returns when the owner is gone or a signal asked to stop; tells when a process has ended for good."""
        codes: list[Any] = []
        while not self.stopping:
            readable, _, _ = select.select([sys.stdin], [], [], _TICK)
            if readable:
                if not os.read(sys.stdin.fileno(), 4096):
                    return
                self.ready = True
                self.restarts.clear()
            self._revive()
            if (seen := [p.poll() for p in self.processes.values()]) != codes:
                codes = seen
                self.tell()

    def _revive(self) -> None:
        """Starts again what has ended, without what it had started itself."""
        for process in self.order["processes"]:
            name = process["name"]
            code = self.processes[name].poll()
            if code is None or self.restarts[name] >= MOST_RESTARTS or not (self.ready or process["hasty"]):
                continue
            self.restarts[name] += 1
            end_all([*marked(self._part(name), PART), *in_session(self.processes[name].pid)])
            with self._log(name) as log:
                log.write(f"ended with code {code}; started again\n".encode())
                log.flush()
                if process["recover"] and self.ready:
                    self._recover(process, log)
            self._launch(process)
            self.tell()

    def _recover(self, process: dict[str, Any], log: IO[bytes]) -> None:
        """Runs what puts in order whatever the process has left undone."""
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
        """Ends all processes: asks the roots first, then kills whatever carries the service's mark."""
        self._ask(self.processes)
        slow = [process["name"] for process in self.order["processes"] if process["slow"]]
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < self.order["patience"] and self._any_lives():
            if slow and waited > _ASKED_AGAIN_AFTER:
                self._ask(slow)
                slow = []
            time.sleep(_TICK / 4)
        end_all(marked(self.mark))
        for process in self.processes.values():
            process.wait()
        (self.home / "processes.json").unlink(missing_ok=True)


def _order() -> bytes:
    """The first line of standard input, read byte by byte so that `select` sees all that follows."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(sys.stdin.fileno(), 1)):
        line += byte
    return line


def main() -> None:
    """Takes the order, one line of JSON, and guards until its owner is gone."""
    guardian = Guardian(json.loads(_order()))

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
