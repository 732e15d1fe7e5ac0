"""Kills of runs, backfills and promotions at random moments: what stands is never wrong, and a second start completes.

    python benchmarks/kills.py [--kills 300] [--seed 1] [--on local,s3,airflow,dagster,prefect] [--out report/kills]

The kills are shared out among the sides that are there: a local root, a root in S3 (moto stands in for it), and each
orchestrator's services. A kill's seed decides what is killed (the command, the processes of its steps, a service) and
when. After it every output that a reader finds must be whole and have the digest that it has undisturbed, production
must hold nothing of a backfill and all or nothing of a promotion, and the same command must end well and leave what
it leaves undisturbed. Ends with 1 when one of these fails, and names the seed that draws the same kill again (a
process may be elsewhere by then: with `--out` a local root that failed is kept).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
# the processes of steps import their pipeline by its name
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])

from killed_steps import NAME, START, pipeline  # noqa: E402 - found beside this file

from counterpoint.cli.environments import python_of  # noqa: E402
from counterpoint.errors import ServiceError, StorageError  # noqa: E402
from counterpoint.files import put  # noqa: E402
from counterpoint.services import engine_for  # noqa: E402
from counterpoint.storage import Store  # noqa: E402
from counterpoint.storage.production import table_uri  # noqa: E402
from counterpoint.storage.tables import open_table  # noqa: E402
from counterpoint_compare.results import machine  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.adapter import ServiceEnvironment

SIDES = ("local", "s3", "airflow", "dagster", "prefect")
VERSION, DAYS, APART = "v2", 3, 7
TRIES, PATIENCE = 5, 900
OWN = ("command", "forkserver", "step", "forkserver+command")
# what runs steps, and what answers
WORKER = {"airflow": "scheduler", "dagster": "code-server", "prefect": "worker"}
SERVER = {"airflow": "api-server", "dagster": "webserver", "prefect": "server"}
SERVED = ("command", "step", "steps", "worker", "server")
Outputs = dict[tuple[str, str], str]


@dataclass(frozen=True)
class Task:
    """A command that is killed: `run`, `backfill` or `promote`, on days of its own."""

    what: str
    first: str

    @property
    def last(self) -> str:
        """The last of its days."""
        return pipeline.partitions.shift(self.first, DAYS - 1)

    @property
    def version(self) -> str:
        """Where it leaves its outputs; on services several backfills share a root."""
        return f"{VERSION}-{self.first}" if self.what == "backfill" else "production"

    def words(self) -> list[str]:
        """Its words, without those that say where."""
        if self.what == "run":
            return ["run", NAME, "--date", self.last]
        if self.what == "promote":
            return ["backfill", "promote", NAME, self.before().version]
        days = ("--from", self.first, "--to", self.last, "--max-parallel", "2")
        return ["backfill", NAME, *days, "--version", self.version]

    def before(self) -> Task:
        """The backfill that is promoted."""
        return Task("backfill", self.first)


@dataclass
class Side:
    """A place where commands work: a root, or one root for all with an orchestrator's services."""

    on: str
    base: str
    target: ServiceEnvironment | None = None
    spans: dict[str, float] = field(default_factory=dict)
    used: int = 0

    def root(self, name: str) -> str:
        """Where a kill works."""
        return f"{self.base}/{name}" if self.target is None else self.base

    def command(self, task: Task, root: str) -> list[str]:
        """The command of a task."""
        words = [sys.executable, "-m", "counterpoint", *task.words(), "--root", root]
        if task.what == "promote":
            return words
        services = () if self.target is None else ("--on", self.on, "--service")
        return [*words, *services, "--set", f"pause={0.2 if self.target is None else 1.0}"]

    def task(self, what: str) -> Task:
        """A task; on services, where all share a root, on days that no other one had."""
        self.used += self.target is not None
        return Task(what, pipeline.partitions.shift(START, 10 + APART * self.used))


def outputs(store: Store, wrong: list[str]) -> Outputs:
    """The digest of every output that stands in a version; told is what is unreadable, or not what was written."""
    found: Outputs = {}
    for step in store.pipeline.step_names:
        for key, entry in store.own_entries(step).items():
            found[step, key] = entry.reference.digest
            try:
                store.read(entry.reference)
            except StorageError as error:
                wrong.append(f"{store.version}: {step} of {key}: {error}")
    return found


def judged(root: str, task: Task, wanted: Outputs, *, is_over: bool) -> list[str]:
    """What is wrong with what stands after a kill, or, when it is over, after the second start."""
    wrong: list[str] = []
    days = set(pipeline.partitions.range(pipeline.partitions.shift(task.first, 1 - DAYS), task.last))
    stores = {version: Store(root, pipeline, version) for version in {task.version, "production"}}
    seen = {v: {at: d for at, d in outputs(s, wrong).items() if at[1] in days} for v, s in stores.items()}
    made = seen[task.version]
    wrong += [f"{task.version}: {at} has {made[at]}, not {wanted.get(at)}" for at in made if made[at] != wanted.get(at)]
    if is_over:
        wrong += [f"{task.version}: {at} is missing" for at in wanted.keys() - made.keys()]
    if task.what == "backfill" and seen["production"]:
        wrong.append(f"production holds something of a backfill: {sorted(seen['production'])}")
    if task.what == "promote":
        if made and made.keys() != wanted.keys():
            wrong.append(f"production holds a part: {sorted(made)} of {sorted(wanted)}")
        wrong += partial_tables(stores["production"], wanted)
    return wrong


def partial_tables(store: Store, wanted: Outputs) -> list[str]:
    """The tables of production that any reader of Delta finds with some of the promoted days only."""
    wrong = []
    for step in ("rows", "sums"):
        days = {key for name, key in wanted if name == step}
        table = open_table(table_uri(store, pipeline.name, step))
        column = store.column_of(step)
        found = {row[column] for row in table.partitions()} & days if table else set()
        if found not in (set(), days):
            wrong.append(f"the table of {step} in production holds {sorted(found)} of {sorted(days)}")
    return wrong


def finish(command: list[str]) -> tuple[int | str, str, float]:
    """A command's code, or `hangs`, what it told, and how long it took."""
    begun = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        return "hangs", str(error.stderr), PATIENCE
    return done.returncode, done.stderr, time.monotonic() - begun


def undisturbed(task: Task, known: dict[Task, Outputs]) -> Outputs:
    """What a task leaves on a local root where nobody is killed."""
    if task not in known:
        with tempfile.TemporaryDirectory() as root:
            for one in (task.before(), task) if task.what == "promote" else (task,):
                must(Side("local", root).command(one, root))
            wrong: list[str] = []
            known[task] = outputs(Store(root, pipeline, task.version), wrong)
        if wrong or not known[task]:
            raise SystemExit(f"undisturbed, {task} left {wrong or 'nothing'}")
    return known[task]


def must(command: list[str]) -> float:
    """Seconds of a command that nobody disturbs."""
    code, told, seconds = finish(command)
    if code != 0:
        raise SystemExit(f"undisturbed, {' '.join(command)} ended with {code}: {told[-3000:]}")
    return seconds


def targets(victim: str, pid: int, side: Side) -> list[psutil.Process]:
    """The processes that are killed, as far as they are there; of several steps one."""
    command = psutil.Process(pid)
    if side.target is not None and victim != "command":
        told = json.loads((side.target.home / "processes.json").read_text(encoding="utf-8"))["processes"]
        named = {"worker": WORKER[side.on], "server": SERVER[side.on]}.get(victim, "steps")
        service = psutil.Process(int(told[named]["pid"]))
        return service.children()[:1] if victim == "step" else [service]
    servers = [one for one in command.children() if any("forking" in word for word in one.cmdline())]
    steps = [step for server in servers for step in server.children()][:1]
    return {"command": [command], "forkserver": servers, "step": steps}.get(
        victim, [*servers, command] if servers else []
    )


def kill(victim: str, process: subprocess.Popen[str], side: Side) -> bool:
    """Kills as soon as what is to be killed is there; false when the command ended before."""
    while process.poll() is None:
        try:
            found = targets(victim, process.pid, side)
            for one in found:
                one.kill()
            if found:
                return True
        except (psutil.Error, OSError, KeyError):  # it ended, or a service is being started
            pass
        time.sleep(0.02)
    return False


def killed(side: Side, seed: int, known: dict[Task, Outputs]) -> dict[str, Any]:
    """One kill, and what was wrong after it; a command that ended before is followed by another one."""
    rng = random.Random(seed)  # noqa: S311 - moments, no secrets
    for attempt in range(TRIES):
        task = side.task(rng.choice(sorted(side.spans)))
        victim = "command" if task.what == "promote" else rng.choice(SERVED if side.target else OWN)
        after, root = rng.uniform(0.1, 1.0) * side.spans[task.what], side.root(f"kill-{seed}-{attempt}")
        is_killed, wrong = followed(side, task, root, (victim, after), undisturbed(task, known))
        if is_killed or wrong:
            about = {"seed": seed, "what": task.what, "victim": victim, "after": round(after, 2)}
            return {**about, "root": root, "wrong": wrong}
        side.spans[task.what] *= 0.7  # the machine is faster than when it was measured
    raise SystemExit(f"seed {seed} on {side.on}: {TRIES} commands ended before they could be killed")


def followed(side: Side, task: Task, root: str, how: tuple[str, float], wanted: Outputs) -> tuple[bool, list[str]]:
    """Kills a task, judges what stands, starts it again, and judges what stands then."""
    if task.what == "promote":
        must(side.command(task.before(), root))
    is_killed, wrong = disturbed(side, task, root, how)
    wrong += judged(root, task, wanted, is_over=False)
    code, told, _ = finish(side.command(task, root))
    wrong += [f"the second start ended with {code}: {told[-2000:]}"] if code != 0 else []
    return is_killed, [*wrong, *judged(root, task, wanted, is_over=True)]


def disturbed(side: Side, task: Task, root: str, how: tuple[str, float]) -> tuple[bool, list[str]]:
    """Starts a task and kills it, or what works for it, after some seconds; whether it was still there."""
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(side.command(task, root), stdout=told, stderr=told, text=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(how[1])
        is_killed = kill(how[0], process, side)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return is_killed, ["the command did not end after the kill"]
    return is_killed, []


@contextmanager
def bucket() -> Iterator[str]:
    """A place in S3 that moto serves from this process."""
    moto: Any = import_module("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"ENDPOINT_URL": f"http://{host}:{port}", "ALLOW_HTTP": "true", "REGION": "us-east-1"}
    keys = {"ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any"}
    os.environ.update({f"AWS_{name}": value for name, value in {**settings, **keys}.items()})
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/bucket", method="PUT")).close()
    yield "s3://bucket"
    server.stop()


@contextmanager
def opened(on: str) -> Iterator[Side]:
    """A side, with the duration of each task that nobody disturbs."""
    with ExitStack() as stack:
        if on == "s3":
            side = Side(on, stack.enter_context(bucket()))
        else:
            side = Side(on, stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        if on in WORKER:
            engine: Any = stack.enter_context(engine_for(on, side.base, (NAME,), service=True))
            side.target = engine.target
        for what in ("run", "backfill"):
            side.spans[what] = must(side.command(side.task(what), side.root(f"undisturbed-{what}")))
        if side.target is None:
            side.spans["promote"] = must(side.command(side.task("promote"), side.root("undisturbed-backfill")))
        yield side


def measured(on: str, kills: int, seed: int, out: Path | None) -> dict[str, Any]:
    """All kills of a side, as a document."""
    found: list[dict[str, Any]] = []
    known: dict[Task, Outputs] = {}
    with opened(on) as side:
        for number in range(kills):
            one = killed(side, seed + number, known)
            found.append(one)
            told = "; ".join(one["wrong"]) or "held"
            line = f"{on} {number + 1}/{kills}, seed {one['seed']}: {one['what']}, {one['victim']} killed after"
            print(f"{line} {one['after']} s: {told}", file=sys.stderr, flush=True)
            if on == "local":
                put_aside(one, out)
    return {
        "on": on,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": f"python benchmarks/kills.py --on {on} --kills {kills} --seed {seed}",
        "machine": machine(),
        "kills": len(found),
        "killed": dict(sorted(Counter(f"{one['what']}: {one['victim']}" for one in found).items())),
        "spans": {what: round(seconds, 2) for what, seconds in side.spans.items()},
        "failures": [one for one in found if one["wrong"]],
    }


def put_aside(one: dict[str, Any], out: Path | None) -> None:
    """Removes a local root; one that failed is kept beside the document."""
    if out and one["wrong"]:
        shutil.copytree(one["root"], out / f"failed-{one['seed']}", dirs_exist_ok=True)
    shutil.rmtree(one["root"], ignore_errors=True)


def sides_of(named: str, kills: int) -> list[tuple[str, Path, int]]:
    """Each side that is there, with its Python and its share of the kills."""
    there = []
    for on in named.split(","):
        try:
            there.append((on, Path(sys.executable) if on in {"local", "s3"} else python_of(on)))
        except ServiceError as error:
            print(f"left out: {error}", file=sys.stderr)
    return [(on, python, kills // len(there) + (n < kills % len(there))) for n, (on, python) in enumerate(there)]


def main() -> int:
    """Prints, and with `--out` also writes, a document a side; 1 when something did not hold, or no side is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", default=",".join(SIDES))
    parser.add_argument("--out", type=Path, metavar="DIR", help="also writes DIR/SIDE.json")
    args = parser.parse_args()
    if unknown := set(args.on.split(",")) - set(SIDES):
        parser.error(f"no such side: {', '.join(sorted(unknown))}; there are {', '.join(SIDES)}")
    if args.kills < 1:
        parser.error("--kills must be at least 1")
    sides, codes = sides_of(args.on, args.kills), []
    for on, python, kills in sides:
        if len(sides) == 1 and python == Path(sys.executable):
            codes.append(alone(on, kills, args.seed, args.out))
        elif kills:
            words = ["--on", on, "--kills", str(kills), "--seed", str(args.seed)]
            out = ["--out", str(args.out)] if args.out else []
            codes.append(subprocess.run([python, __file__, *words, *out], check=False).returncode)
    return int(not codes or any(codes))


def alone(on: str, kills: int, seed: int, out: Path | None) -> int:
    """Measures a side in this process."""
    if out:
        out.mkdir(parents=True, exist_ok=True)
    document = measured(on, kills, seed, out)
    told = json.dumps(document, indent=2)
    print(told)
    if out:
        put(out / f"{on}.json", f"{told}\n")
    for one in document["failures"]:
        print(f"again: python benchmarks/kills.py --on {on} --kills 1 --seed {one['seed']}", file=sys.stderr)
    return int(bool(document["failures"]))


if __name__ == "__main__":
    sys.exit(main())
