"""Helpers of these tests, importable by name; and the command itself, in this process."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

from counterpoint.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/schemas/diff.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, Any, str]]]:
    """Runs `counterpoint diff ... --json`: exit code, the document (held against its schema) or None, stderr."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(*words: object) -> tuple[int, Any, str]:
        code = main(["diff", *map(str, words), "--json", "--root", str(tmp_path / "root")])
        told = capsys.readouterr()
        document = json.loads(told.out) if told.out else None
        if document is not None:
            jsonschema.validate(document, SCHEMA)
        return code, document, told.err

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
