"""The measures of the house: dependencies, sizes, cycles of imports, the time to start, and the walk of a step.

The walk is what lies between `execute_attempt` and the function of a step in one process: frames of our own packages,
and how often the key of one partition is parsed. It is taken of steps with an input and with a window, and the largest
counts. Sizes are lines without blank ones, comments and docstrings.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import subprocess
import sys
import tempfile
import time
import tokenize
import tomllib
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from counterpoint.model import Partitions, RunRequest, load
from counterpoint.model.graph import order
from counterpoint.runtime import Attempt, execute_attempt, find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("core/counterpoint", "core/streamrec", "adapters/airflow", "adapters/dagster", "adapters/prefect")
ROOMS += ("benchmarks", "migration")
PACKAGES = {room: next((ROOT / room / "src").glob("*/__init__.py")).parent.name for room in ROOMS}
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
STARTS = {"import counterpoint.runtime": ["-c", "import counterpoint.runtime"]}
STARTS["counterpoint --help"] = ["-m", "counterpoint", "--help"]
STEPS = "counterpoint.testing.scenarios"
WALKED = {"linear": ("2026-01-05",), "window": ("2026-01-01", "2026-01-02", "2026-01-03")}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {line for one in tokens if one.type not in NO_CODE for line in range(one.start[0], one.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and ast.get_docstring(node, clean=False):
            found.difference_update(lines_of(node.body[0]))
    return found


def lines_of(node: ast.stmt) -> range:
    """The lines of a statement."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def size(room: str) -> dict[str, float]:
    """How large a distribution is."""
    files, functions = list[int](), list[int]()
    for path in sorted((ROOT / room / "src").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        code = code_lines(source)
        files.append(len(code))
        bodies = [node.body for node in ast.walk(ast.parse(source)) if isinstance(node, FUNCTIONS)]
        functions += [len(code.intersection(line for one in body for line in lines_of(one))) for body in bodies]
    return {"files": len(files), "lines": sum(files), "file": median(files), "function": median(functions)}


def cycles() -> list[str]:
    """Modules that import each other, also within functions, but not for types alone."""
    import grimp
    import networkx as nx

    # not all of them are installed in one environment, and none is imported
    sys.path[:0] = [str(ROOT / room / "src") for room in ROOMS]
    graph = grimp.build_graph(*PACKAGES.values(), exclude_type_checking_imports=True, cache_dir=None)
    edges = ((one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one))
    groups = nx.strongly_connected_components(nx.DiGraph(edges))
    return sorted(" <-> ".join(sorted(group)) for group in groups if len(group) > 1)


def started(words: list[str], times: int = 5) -> float:
    """The seconds that a new interpreter takes, the median of some times."""
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
        taken.append(time.perf_counter() - before)
    return round(median(taken), 3)


class Watch:
    """What is seen while one attempt is executed."""

    def __init__(self, function: Any) -> None:
        self.code, self.walk, self.parsed = function.__code__, list[str](), Counter[str]()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Notes a call, for `sys.setprofile`."""
        if event == "call" and frame.f_code is Partitions.partition.__code__:
            self.parsed[frame.f_locals["key"]] += 1
        elif event == "call" and frame.f_code is self.code:
            self.walk = [name for name in between(frame) if name.partition(".")[0] in PACKAGES.values()]


def between(frame: FrameType) -> Iterator[str]:
    """The functions that were called after `execute_attempt` and led to a frame, without it, the innermost first."""
    while (caller := frame.f_back) is not None and caller.f_code is not execute_attempt.__code__:
        frame = caller
        yield f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"


def walks(name: str, keys: tuple[str, ...], root: str) -> Iterator[Watch]:
    """What is seen of each step of a scenario."""
    pipeline = find_pipeline(f"{STEPS}:{name}")
    for key in keys:
        request, passed = RunRequest(f"{STEPS}:{name}", key, f"shape-{key}", root), dict[str, Any]()
        for step in order(pipeline):
            watch = Watch(load(str(pipeline.step(step).function)))
            sys.setprofile(watch)
            try:
                passed[step] = execute_attempt(Attempt(request, step, dict(passed)))
            finally:
                sys.setprofile(None)
            yield watch


def walk() -> dict[str, Any]:
    """The longest walk of the steps that are tried, and how often one of them parsed the same key at most."""
    with tempfile.TemporaryDirectory() as root:
        seen = [watch for name, keys in WALKED.items() for watch in walks(name, keys, root)]
    longest = max((watch.walk for watch in seen), key=len)
    parsed = max(count for watch in seen for count in watch.parsed.values())
    return {"frames": len(longest), "through": longest[::-1], "parsed": parsed}


def measured() -> dict[str, Any]:
    """All measures, as JSON values."""
    kernel = tomllib.loads((ROOT / "core/counterpoint/pyproject.toml").read_text(encoding="utf-8"))
    return {
        "dependencies": len(kernel["project"]["dependencies"]),
        "sizes": {room: size(room) for room in ROOMS},
        "cycles": cycles(),
        "seconds": {name: started(words) for name, words in STARTS.items()},
        "walk": walk(),
    }


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """The measures for people, line by line."""
    yield f"direct dependencies of the kernel: {found['dependencies']}"
    yield f"{'distribution':<20}{'files':>7}{'lines':>8}{'median file':>13}{'median function':>17}"
    for room, one in found["sizes"].items():
        yield f"{room:<20}{one['files']:>7}{one['lines']:>8}{one['file']:>13}{one['function']:>17}"
    yield f"cycles of imports: {', '.join(found['cycles']) or 'none'}"
    yield from (f"{name}: {taken} s" for name, taken in found["seconds"].items())
    yield f"walk of a step: {found['walk']['frames']} frames ({' -> '.join(found['walk']['through'])})"
    yield f"the key of a partition is parsed at most {found['walk']['parsed']} time(s) in an attempt"


def main() -> None:
    """Prints the measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="as JSON")
    as_json, found = parser.parse_args().json, measured()
    print(json.dumps(found, indent=2) if as_json else "\n".join(table(found)))


if __name__ == "__main__":
    main()
