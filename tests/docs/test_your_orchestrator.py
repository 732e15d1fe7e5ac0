"""The tutorial that ends on three stock orchestrators: its commands are typed into one shell, from start to end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.service, pytest.mark.long, pytest.mark.timeout(1500)]
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tutorial/your-orchestrator.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
FAILS = "# exit code 1"
# prints the number of a line, and ends the shell if the line does not end as the page says
TYPED = """printf '\\n--- line {number}\\n'
{line}
code=$?; [ $code = {code} ] || {{ echo "line {number} ended with $code"; exit 9; }}
"""
# changes a file as a diff of the page shows, which stands on the standard input
EDITOR = """
import sys
lines = sys.stdin.read().splitlines(keepends=True)
before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
with open(sys.argv[1], "r+") as file:
    text = file.read()
    assert text.count(before) == 1
    file.seek(0)
    file.write(text.replace(before, after))
"""


def port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program() -> tuple[str, list[str]]:
    """The page's commands as one program, with its changes of files between them; and the lines by their numbers."""

    words, lines = list[str](), list[str]()
    page = PAGE.read_text(encoding="utf-8")
    for language, title, text in BLOCK.findall(page):
        if language == "diff":
            words.append(f"python \"$EDITOR\" {title} <<'END'\n{text}END\n")
        elif language == "sh":
            for line in text.splitlines():
                code = 1 if line.endswith(FAILS) else 0
                words.append(TYPED.format(number=len(lines), line=line, code=code))
                lines.append(line)
    return "".join(words), lines


def environment(folder: Path, **ports: int) -> dict[str, str]:
    """That of a person in a checkout, with ports of this test."""
    ours = ("COUNTERPOINT_", "PYTHON", "AIRFLOW_", "DAGSTER_", "PREFECT_", "VIRTUAL_ENV")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **bare,
        "TMPDIR": str(folder),
        "EDITOR": str(folder / "edit.py"),
        "COLUMNS": "160",
        "AIRFLOW__API__PORT": str(ports["airflow"]),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports['airflow']}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PREFECT_SERVER_API_PORT": str(ports["prefect"]),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
    }


def typed(folder: Path) -> dict[str, str]:
    """What each line of the page prints, errors included; all that it has started is ended."""
    ports = {name: port() for name in ("airflow", "dagster", "prefect")}
    words, lines = program()
    words = words.replace(":4200", f":{ports['prefect']}").replace(
        "dagster dev ", f"dagster dev -p {ports['dagster']} "
    )
    (folder / "edit.py").write_text(EDITOR, encoding="utf-8")
    log = folder / "page.log"
    with log.open("wb") as file:
        shell = subprocess.Popen(
            ["bash", "-c", words],
            cwd=ROOT,
            env=environment(folder, **ports),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(1200)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(shell.pid, number)
    said = log.read_text(encoding="utf-8", errors="replace")
    servers = "\n".join(
        f"{path.name}: {path.read_text(errors='replace')[-3000:]}" for path in folder.rglob("my_shop/*.log")
    )
    assert code == 0, f"{code}\n{said[-6000:]}\n{servers}"
    parts = re.split(r"^--- line (\d+)\n", said, flags=re.MULTILINE)[1:]
    return {lines[int(number)]: text for number, text in zip(parts[::2], parts[1::2], strict=True)}


def test_the_tutorial_ends_on_three_stock_orchestrators(tmp_path: Path) -> None:
    said = typed(tmp_path)

    def answer(words: str) -> list[str]:
        return [text for line, text in said.items() if line.startswith(words)]

    assert "these are missing" in answer("counterpoint why airflow-")[0]
    assert "greater_than(0): 1 times, such as '-4'" in answer("counterpoint why my_shop@history")[0]
    assert "5 steps run" in answer("counterpoint retry")[0]
    verdicts = answer("counterpoint migrate validate")
    assert len(verdicts) == 2
    assert all("equal" in text for text in verdicts), verdicts
    (folder,) = tmp_path.glob("*/my_shop")
    for target, file in (("airflow", "dags/my_shop.py"), ("dagster", "definitions.py"), ("prefect", "my_shop_flow.py")):
        assert (folder / "deploy" / target / file).exists()
    records = {path.name.partition("-")[0] for path in folder.glob("lake/*/my_shop/*") if path.is_dir()}
    assert {"airflow", "dagster", "prefect"} <= records, sorted(folder.glob("lake/*/my_shop/*"))
