"""What the README tells people to type works: every command of it is run, on small input."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SMALL = "--source synthetic:rows=4000,users=300,items=120,seed=7"
SERVES = re.compile(r"^make up")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    lines = [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


def small(command: str) -> str:
    """The command on an input that takes seconds instead of minutes; nothing else of it is changed."""
    return f"{command} {SMALL}" if " run " in command else command


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env={**os.environ, "COUNTERPOINT_ROOT": str(folder / "data")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_the_readme_has_commands() -> None:
    assert "make compare" in commands()
    assert "make test" in commands()
    assert sum("counterpoint run" in command for command in commands()) >= 3


@pytest.mark.parametrize("command", [c for c in commands() if not c.startswith("make")])
def test_command(command: str, tmp_path: Path) -> None:
    if "counterpoint.read(" in command:  # it reads what the command before it has made
        first = next(one for one in commands() if " run " in one)
        assert typed(small(first), tmp_path).returncode == 0
    done = typed(small(command), tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    if " run " in command:
        assert "success" in done.stdout


@pytest.mark.parametrize("target", sorted({c.split()[1] for c in commands() if c.startswith("make")}))
def test_make_knows_the_target(target: str) -> None:
    # as from a shell: a `make` that runs these tests hands its flags down; -B, because the set-up may stand already
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", "-B", target, "ORCHESTRATOR=dagster"]
    planned = subprocess.run(command, cwd=ROOT, env=shell, capture_output=True, text=True, check=True).stdout
    assert re.search(r"\b(tox|counterpoint|uv|pip)\b", planned)


@pytest.mark.parametrize("command", [c for c in commands() if SERVES.match(c)])
def test_a_command_that_serves_says_where_and_stops_at_ctrl_c(command: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command.split(),
        cwd=ROOT,
        env={**os.environ, "COUNTERPOINT_ROOT": str(tmp_path / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said, deadline = "", time.monotonic() + 240
    with process.stdout:
        while " is up at http://127.0.0.1:" not in said and time.monotonic() < deadline:
            said += (line := process.stdout.readline())
            if not line:
                break
        os.killpg(process.pid, signal.SIGINT)
        said += process.stdout.read()
    process.wait(60)
    assert " is up at http://127.0.0.1:" in said, said[-3000:]


@pytest.mark.parametrize("example", blocks("python"))
def test_python_example_describes_what_it_says(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "orders.py").write_text("def read(partition): ...\n")
    (shop / "trend.py").write_text("def weekly(days, minimum): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102 - the README's own example
    pipeline = names["daily"]
    assert getattr(pipeline, "step_names", None) == ("orders", "trend")
