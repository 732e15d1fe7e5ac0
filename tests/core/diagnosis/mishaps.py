"""Small pipelines that fail, each in one way; importable in the processes of their steps."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import struct
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from counterpoint.errors import ContractError, TransientError
from counterpoint.model import Output, OutputKind, Partitions, Pipeline, RetryPolicy, TriggerRule, step, windowed

log = logging.getLogger(__name__)
NOW = RetryPolicy(2, timedelta(0))


@step()
def fine(number):
    return number


@step()
def buggy(fine):
    log.warning("about to add %d", fine)
    return fine + undefined_name  # noqa: F821 - the bug


@step()
def after(buggy):
    return buggy


@step(trigger_rule=TriggerRule.ALL_DONE)
def anyway(fine, after):
    return fine


bug = Pipeline("bug", (fine, buggy, after, anyway), config={"number": 3})


@step()
def breaks():
    raise ContractError("column user_id: 3 values are null, such as rows 1, 2 and 5")


breach = Pipeline("breach", (breaks,))


def parse(text):
    return int(text)


@step()
def nests():
    try:
        parse("seven")
    except ValueError as error:
        raise RuntimeError("the file of the day is unusable") from error


nested = Pipeline("nested", (nests,))


@step()
def listed(items):
    return items


@step(map_over="listed")
def each(listed):
    return 10 // listed


@step()
def added(each):
    return sum(each)


mapped = Pipeline("mapped", (listed, each, added), config={"items": [1, 0, 5, 0]})


@step(timeout=timedelta(seconds=2))
def hangs():
    log.info("asking the device")
    ctypes.CDLL(None).sleep(600)  # THE LINE


hanging = Pipeline("hanging", (hangs,))


@step(retry=RetryPolicy(1, timedelta(0)))
def dies():
    os.kill(os.getpid(), signal.SIGKILL)


killed = Pipeline("killed", (dies,))


@step(retry=NOW)
def flickers(folder):
    file = Path(folder) / "tries"
    tries = len(file.read_text(encoding="ascii")) if file.exists() else 0
    file.write_text("x" * (tries + 1), encoding="ascii")
    raise TransientError(f"the line was busy {tries + 1} times")


flickering = Pipeline("flickering", (flickers,), config={"folder": ""})


@step(retry=NOW)
def heals(folder):
    file = Path(folder) / "tried"
    if not file.exists():
        file.touch()
        raise TransientError("busy")
    return 1


healing = Pipeline("healing", (heals,), config={"folder": ""})


@step()
def tells(number):
    secret = os.environ["PLANTED_PASSWORD"]
    log.warning("logging in with %s", secret)
    raise ConnectionError(f"postgresql://ann:{secret}@db: refused {secret}")


telling = Pipeline("telling", (tells,), config={"number": 1})


@step()
def pauses(number):
    time.sleep(number)
    return number


@step()
def follows(pauses):
    return pauses


slow = Pipeline("slow", (pauses, follows), config={"number": 600})


@step()
def raw(partition, bad):
    if partition.key in bad:
        raise ValueError(f"day {partition.key} is corrupt")
    return partition.day.day


@step(inputs={"days": windowed("raw", "t-1..t")})
def both(days):
    return sum(days.values())


days = Pipeline("days", (raw, both), Partitions(start="2026-01-01"), config={"bad": []})


@step(output=Output(OutputKind.REGISTRATION))
def decides():
    raise NotImplementedError


gated = Pipeline("gated", (decides,))


@step()
def begun(folder):
    Path(folder).mkdir(parents=True, exist_ok=True)
    return folder


@step()
def dies_outright(begun, victim):
    """Kills its own process, or the one that asked for it: the peer of its socket, which would have told of its end."""
    os.kill(asker() if victim == "asker" else os.getpid(), signal.SIGKILL)
    time.sleep(600)


def asker():
    for descriptor in sorted(map(int, os.listdir("/proc/self/fd")))[3:]:  # noqa: PTH208 - by name; standard ones first
        with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
            pid, _, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if end.family == socket.AF_UNIX and pid not in {0, os.getpid(), os.getppid()}:
                return pid
    raise LookupError("no process has asked for this one")


@step()
def unreached(dies_outright):
    return dies_outright


outright = Pipeline("outright", (begun, dies_outright, unreached), config={"folder": "", "victim": "self"})
