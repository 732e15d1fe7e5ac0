"""The messages that a first user meets, in a package of his own: each names the thing, the place and the fix."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "from counterpoint.model import Output, OutputKind, Pipeline, Pool, step\n"
PIPELINE = MODEL + "first = Pipeline('first', (step({arguments}, output=Output(OutputKind.METRICS)),))\n"
MODULES = {
    "steps.py": "def ask(api_key):\n    return {'n': 1}\n\n\ndef count(partition):\n    return {'n': 1}\n",
    "lacking.py": "import a_library_nobody_has\n\n\ndef count(partition):\n    return {'n': 1}\n",
    "wrong_kind.py": MODEL + "kind = OutputKind.JSON\n",
    "wrong_syntax.py": "def count(:\n",
    "unpooled.py": PIPELINE.format(arguments="'shop1.steps:count', pool='gpu'"),
    "misnamed.py": PIPELINE.format(arguments="'shop1.steps:counts'"),
    "unimported.py": PIPELINE.format(arguments="'shop1.lacking:count'"),
    "secretive.py": PIPELINE.format(arguments="'shop1.steps:ask', secrets=('api_key',)"),
    "working.py": PIPELINE.format(arguments="'shop1.steps:count'"),
}
# the module of the pipeline, further options, and what the message has
MESSAGES = {
    "no pool": ("unpooled", (), ("count uses the pool 'gpu'", "add Pool('gpu', slots)")),
    "no root": ("working", ("--root", "/proc/nothing"), ("/proc/nothing", "choose another --root")),
    "wrong address of a root": ("working", ("--root", "ftp://x/y"), ("--root ftp://x/y", "s3://bucket")),
    "no secret": ("secretive", (), ("step ask", "secret api_key", "[env.NAME.secrets] of counterpoint.toml")),
    "no environment": ("working", ("--env", "prod"), ("environment 'prod'", "counterpoint.toml")),
    "no module": ("nowhere", (), ("No module named 'shop1.nowhere'", f"package that holds it into {sys.prefix}")),
    "no function": ("misnamed", (), ("no function 'counts'", "shop1/steps.py", "did you mean 'count'?")),
    "no library": (
        "unimported",
        (),
        ("shop1.lacking:count", "'a_library_nobody_has'", "shop1/lacking.py:1 imports it"),
    ),
    "wrong name": (
        "wrong_kind",
        (),
        ("shop1.wrong_kind cannot be imported", "AttributeError: JSON; repair ", "wrong_kind.py:2"),
    ),
    "wrong syntax": ("wrong_syntax", (), ("shop1.wrong_syntax cannot be imported: SyntaxError", "wrong_syntax.py:1")),
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "shop1").mkdir()
    for name, text in MODULES.items():
        (tmp_path / "shop1" / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_names_thing_place_and_fix(package: Path, case: str) -> None:
    module, options, parts = MESSAGES[case]
    words = ("run", f"shop1.{module}:first", "--date", "2026-01-05", "--quiet", *options)
    command = [sys.executable, "-m", "counterpoint", *words]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERPOINT_")}
    process = subprocess.run(command, cwd=package, env=bare, capture_output=True, text=True, check=False)
    assert process.returncode in (1, 2), process.stderr
    assert "Traceback" not in process.stderr
    for part in parts:
        assert part in process.stderr
