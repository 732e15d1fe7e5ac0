"""What tests of several parts share: the pipeline `farm`, importable everywhere, and another environment's Airflow."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.environments import python_of
from counterpoint.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    OnPath = Callable[[str], AbstractContextManager[None]]

    AirflowUp = Callable[[str, int], AbstractContextManager[Callable[[], str]]]

HERE = Path(__file__).parent
FARM = str(HERE.parent / "core" / "backfill")
ANY = "counterpoint.testing.scenarios:linear"


@pytest.fixture(scope="module")
def importable(on_path: OnPath) -> Iterator[None]:
    with on_path(FARM):
        yield
    sys.modules.pop("farm", None)


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    """The Python of the environment that has Airflow, beside this one."""
    try:
        return python_of("airflow")
    except ServiceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def airflow_up(airflow_python: Path) -> AirflowUp:
    """Starts Airflow below a root, at a port: it has started when a line comes; it is gone afterwards."""

    @contextmanager
    def up(root: str, port: int) -> Iterator[Callable[[], str]]:
        command = [str(airflow_python), "-m", "counterpoint", "up", "airflow", "--root", root, "--json"]
        command += ["--pipeline", ANY, "--port", f"web={port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
            assert process.stdout
            try:
                yield process.stdout.readline
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)

    return up
