"""What every test shares: tests whose needs are not installed are left out, and counted at the end."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

NEEDS = {"torch": "torch", "airflow": "apache-airflow", "dagster": "dagster", "prefect": "prefect"}
HERE = Path(__file__).parent
CHECKOUT = HERE.parent
# what decides the bits of an output, beside our own code
LIBRARIES = {"deltalake", "narwhals", "numpy", "pandera", "polars", "safetensors", "torch"}
FOLDER = "COUNTERPOINT_FOLDER"
LEFT_OUT = pytest.StashKey[Counter[str]]()


def _missing(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return True
    return False


MISSING = frozenset(need for need, distribution in NEEDS.items() if _missing(distribution))
# also what waits for `make matrix` otherwise
ALL = os.environ.get("COUNTERPOINT_TESTS") == "all"


def pytest_configure(config: pytest.Config) -> None:
    # a shell starts what runs in the background deaf to Ctrl-C, and so would be the commands that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # steps that fail in tests must page nobody
    os.environ.pop("COUNTERPOINT_ALERTS", None)
    config.stash[LEFT_OUT] = Counter()
    with suppress(ImportError):  # the environments of the orchestrators do without it
        from hypothesis import settings

        # how long an example takes says something of the machine only
        settings.register_profile("untimed", deadline=None)
        settings.load_profile("untimed")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose `pytestmark` names something that is missing is not even imported; its tests count."""
    if not MISSING or collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    tree = ast.parse(collection_path.read_text(encoding="utf-8"))
    missing = MISSING.intersection(_marks_of_module(tree))
    if not missing:
        return None
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    config.stash[LEFT_OUT][min(missing)] += sum(node.name.startswith("test_") for node in tests)
    return True


def _marks_of_module(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets):
            yield from (part.attr for part in ast.walk(node.value) if isinstance(part, ast.Attribute))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Single tests that are marked with something that is missing are deselected, and counted; long files go first."""
    # stable: the order in a file stays; two workers then end at about the same time, not one with the longest file
    items.sort(key=_shortness)
    kept, dropped = [], []
    for item in items:
        missing = MISSING.intersection(mark.name for mark in item.iter_markers())
        missing |= {"release"} if any(map(_waits, item.iter_markers("release"))) else set()
        (dropped if missing else kept).append(item)
        if missing:
            config.stash[LEFT_OUT][min(missing)] += 1
    if dropped:
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)


def _waits(release: pytest.Mark) -> bool:
    """Whether a test waits for a release: where one of the orchestrators is that the mark names, or everywhere."""
    return not ALL and (not release.args or not MISSING.issuperset(release.args))


def _shortness(item: pytest.Item) -> tuple[bool, bool, float]:
    """Sorts the files of long tests first, then services, each by falling time limit."""
    marks = {mark.name: mark.args for mark in item.listchain()[-2].iter_markers()}
    return "long" not in marks, "service" not in marks, -marks.get("timeout", (0,))[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for need, tests in sorted(config.stash[LEFT_OUT].items()):
        why = f"that need {need}, which this environment does not have"
        told = "that 'make matrix' runs, before a release" if need == "release" else why
        terminalreporter.write_line(f"left out: {tests} tests {told}")


@pytest.fixture(autouse=True)
def _no_folder_of_another_command() -> Iterator[None]:
    """What a command of a test has imported its pipeline from is not where that of the next one is looked for."""
    kept = os.environ.get(FOLDER)
    yield
    os.environ.pop(FOLDER, None)
    if kept is not None:
        os.environ[FOLDER] = kept


@pytest.fixture(scope="session")
def on_path() -> Callable[[str], AbstractContextManager[None]]:
    """Makes the modules of a folder importable for a while, here and in every process that is started."""

    @contextmanager
    def prepended(folder: str) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(folder)
            patch.setenv("PYTHONPATH", os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])]))
            yield

    return prepended


@pytest.fixture(scope="session")
def once() -> Callable[[str, Callable[[], Any]], Any]:
    """The JSON value that the local runner comes to: computed by the first environment of this checkout that asks.

    It is kept under the digest of all code, tests and library versions that decide it, so another state of the
    checkout computes its own.
    """

    def kept(name: str, compute: Callable[[], Any]) -> Any:
        file = CHECKOUT / ".tox" / "reference" / f"{name}-{_state()}.json"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f"{file.name}.{os.getpid()}")
            part.write_text(json.dumps(compute()), encoding="utf-8")
            part.replace(file)
        return json.loads(file.read_text(encoding="utf-8"))

    return kept


def _state() -> str:
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    found = {d.metadata["Name"].lower(): d.version for d in distributions()}
    digest.update(str(sorted((name, found[name]) for name in LIBRARIES & set(found))).encode())
    for path in sorted([*(CHECKOUT / "core").rglob("*.py"), *HERE.glob("integration/*.py")]):
        digest.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def postgres_bin() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of these tests' own, run by an unprivileged user, as it insists."""
    folder = postgres_bin()
    if folder is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    place = Path("/tmp") / f"counterpoint-postgres-{os.getpid()}"  # noqa: S108 - a socket's path must be short
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    as_user: dict[str, Any] = (
        {"user": "nobody", "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}} if os.getuid() == 0 else {}
    )
    from counterpoint.services.service_environments import free_port

    port = free_port()
    data = place / "data"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, **as_user}
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", "counterpoint", "--auth=trust", "-E", "UTF8"], check=True, **quiet
    )
    options = f"-p {port} -k {place} -c listen_addresses=127.0.0.1 -c fsync=off"
    subprocess.run(
        [folder / "pg_ctl", "-D", data, "-w", "-o", options, "-l", place / "log", "start"], check=True, **quiet
    )
    create = [folder / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "counterpoint", "orchestrator"]
    subprocess.run(create, check=True, **quiet)
    yield f"postgresql://counterpoint@127.0.0.1:{port}/orchestrator"
    subprocess.run([folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, **quiet)
    shutil.rmtree(place, ignore_errors=True)
