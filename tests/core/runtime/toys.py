"""Small pipelines whose steps run in processes of their own, so this module must be importable there."""

from __future__ import annotations

import atexit
import importlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from counterpoint.errors import SourceError
from counterpoint.model import (
    Output,
    OutputKind,
    Partitions,
    Pipeline,
    RetryPolicy,
    TriggerRule,
    When,
    WindowPolicy,
    step,
    windowed,
)
from counterpoint.testing.evidence import attempt_number

NOW = RetryPolicy(1, timedelta(0))


@step()
def source(partition, number, folder):
    attempt_number(folder, f"source-{partition.key}")
    return number + partition.day.day


@step(inputs={"days": windowed("source", "t-1..t")})
def recent(days, folder):
    attempt_number(folder, "recent")
    return days


@step(inputs={"days": windowed("recent", "t-1..t-1")})
def older(days):
    return list(days)


windows = Pipeline(
    "windows", (source, recent, older), Partitions(start="2026-01-01"), config={"number": 1, "folder": ""}
)


@step()
def fine(number):
    return number


@step()
def fails(fine):
    raise ValueError(f"no {fine}")


@step(retry=RetryPolicy(3, timedelta(0)))
def permanent(fine):
    raise SourceError("nothing there")


@step(output=Output(OutputKind.BRANCH, choices=("a", "b")))
def undecided(fine):
    return "c"


@step()
def unreached(fails):
    return fails


@step(trigger_rule=TriggerRule.ALL_DONE)
def anyway(fine, fails):
    return [fine, fails]


failing = Pipeline("failing", (fine, fails, permanent, undecided, unreached, anyway), config={"number": 3})


@step(retry=NOW)
def dies_once(folder):
    if attempt_number(folder, "dies_once") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@step()
def dies(folder):
    os._exit(7)


@step(timeout=timedelta(seconds=2), retry=NOW)
def hangs_once(folder):
    if attempt_number(folder, "hangs_once") > 1:
        return "in time"
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "grandchild").write_text(str(grandchild.pid))
    time.sleep(600)
    return "never"


@step()
def sleeps(folder):
    Path(folder).mkdir(exist_ok=True)
    Path(folder, "sleeper").write_text(str(os.getpid()))
    time.sleep(600)


deadly = Pipeline("deadly", (dies_once, dies, hangs_once, sleeps), config={"folder": ""})


@step()
def listed(items):
    return items


@step(map_over="listed", retry=NOW)
def each(listed):
    return 10 // listed


@step()
def added(each):
    return sum(each)


@step(inputs={"days": windowed("added", "t-1..t-1")})
def added_before(days):
    return days


mapping = Pipeline(
    "mapping", (listed, each, added, added_before), Partitions(start="2026-01-01"), config={"items": [1, 2, 5]}
)


@step(output=Output(OutputKind.BRANCH, choices=("left", "right")))
def choice(side):
    return side


@step(when=When("choice", "left"))
def left(side):
    return side


@step(when=When("choice", "right"))
def right(side):
    return side


@step(trigger_rule=TriggerRule.NONE_FAILED)
def either(left, right):
    return [left, right]


@step(inputs={"days": windowed("either", "t-1..t-1")})
def either_before(days):
    return days


branches = Pipeline(
    "branches",
    (choice, left, right, either, either_before),
    Partitions(start="2026-01-01"),
    config={"side": "left"},
)


@step()
def talks():
    print("a word")  # noqa: T201
    return 1


talking = Pipeline("talking", (talks,))


@step(retry=RetryPolicy(1, timedelta(0)))
def counts_to(number, folder, checkpoint):
    reached = int(checkpoint.load() or b"0")
    for count in range(reached + 1, number + 1):
        checkpoint.save(str(count).encode())
        if number > 1 and attempt_number(folder, "count") in (2, 5):
            os.kill(os.getpid(), signal.SIGKILL)
    return [reached, number]


@step(map_over="items")
def element_counts(items, folder, checkpoint):
    reached = checkpoint.load()
    checkpoint.save(b"%d" % items)
    if attempt_number(folder, f"element-{items}") == 1:
        raise SourceError("not yet")
    return int(reached or b"0")


counting = Pipeline("counting", (counts_to,), config={"number": 9, "folder": ""})
counting_elements = Pipeline("counting_elements", (element_counts,), config={"items": [4, 5], "folder": ""})


@step()
def surroundings(number):
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "said": os.environ.get("TOYS_SAID", ""),
        "task": os.environ.get("AIRFLOW_CTX_TASK_ID"),
        "folder": str(Path.cwd()),
        "drawn": random.random(),  # noqa: S311 - not for secrets
    }


@step()
def long(number):
    return "long " * number


@step()
def wordy(number):
    raise ValueError("long " * number)


@step()
def tidy(folder):
    """Leaves what is done when its process ends: by a thread, and after it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    late = Path(folder) / "late"
    atexit.register(lambda: late.write_text(f"{late.read_text()}, then the rest"))
    ThreadPoolExecutor(1).submit(lambda: (time.sleep(0.2), late.write_text("the thread")))
    print("said at last", end="")  # noqa: T201


@step()
def needy(library):
    """Which numbers NumPy draws, and whether a library was there before it is imported here."""
    there = library in sys.modules
    numpy = importlib.import_module("numpy")
    importlib.import_module(library)
    return {"there": there, "parent": os.getppid(), "drawn": float(numpy.random.rand())}


forked = Pipeline(
    "forked",
    (surroundings, long, wordy, needy, tidy),
    Partitions(start="2026-01-01"),
    config={"number": 1, "library": "polars", "folder": ""},
)


def flaky(folder):
    if attempt_number(folder, "flaky") <= 2:
        raise ConnectionError("no route to the bank")
    return 1


def notify(outcomes, idempotency_key, folder) -> None:
    attempt_number(folder, "notify")
    with (Path(folder) / "notes").open("a") as notes:
        notes.write(f"{idempotency_key} {outcomes['flaky'].status} {outcomes['flaky'].message}\n")


def post(flaky, idempotency_key, folder):
    number = attempt_number(folder, "post")
    (Path(folder) / f"key-{idempotency_key}").touch()
    if number == 1:
        raise ConnectionError("the answer was lost")
    return "posted"


telling = Pipeline(
    "telling",
    (
        step("toys:flaky"),
        step("toys:post", effect=True),
        step("toys:notify", after=("post",), trigger_rule=TriggerRule.ALL_DONE),
    ),
    config={"folder": ""},
)


def gate(limit):
    return "register" if limit > 5 else "hold"


def registered(gate):
    return 1


def held(gate):
    return 2


def counted(days):
    return dict(days.items())


branchy = Pipeline(
    "branchy",
    (
        step("toys:gate", output=Output(OutputKind.BRANCH, choices=("register", "hold"))),
        step("toys:registered", when=When("gate", "register")),
        step("toys:held", when=When("gate", "hold")),
        step("toys:counted", name="after_registered", inputs={"days": windowed("registered", "t-1..t-1")}),
    ),
    Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    config={"limit": 9},
)


@step()
def nested_a(partition):
    return partition.key


@step(inputs={"days": windowed("nested_a", "t-1..t")})
def nested_b(days):
    return list(days)


@step(inputs={"history": windowed("nested_b", "t-1..t")})
def nested_c(history):
    return list(history)


nested = Pipeline(
    "nested", (nested_a, nested_b, nested_c), Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK)
)


@step()
def needs_flag(flag):
    if not Path(flag).exists():
        raise RuntimeError("no flag")
    return 1


@step(map_over="flags")
def each_flag(flags):
    if not Path(flags).exists():
        raise RuntimeError("no flag")
    return 1


healing = Pipeline("healing", (needs_flag,), config={"flag": ""})
healing_parts = Pipeline("healing_parts", (each_flag,), config={"flags": []})
