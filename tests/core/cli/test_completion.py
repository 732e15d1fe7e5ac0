"""The completion script of each shell; bash itself completes commands and options with its script."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from counterpoint.cli.completion import SHELLS
from counterpoint.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

COMPLETE = """
source {script}
function=$(complete -p counterpoint | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
$function counterpoint "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "counterpoint" in script
    assert all(word in script for word in ("backfill", "on", "inventory"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("counterpoint ru", {"run"}),
        ("counterpoint run --o", {"--on"}),
        ("counterpoint run streamrec --on lo", {"local"}),
        ("counterpoint migrate inv", {"inventory"}),
        ("counterpoint diff a b --to", {"--tolerance"}),
    ],
)
def test_bash_completes(words: str, completed: set[str], tmp_path: Path) -> None:
    script = tmp_path / "counterpoint.bash"
    command = [sys.executable, "-m", "counterpoint", "completion", "bash"]
    script.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout, encoding="utf-8")
    asked = COMPLETE.format(script=shlex.quote(str(script)), words=words)
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed


def test_paths_are_completed_with_file_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    out = next(line for line in capsys.readouterr().out.splitlines() if "folder of the report" in line)
    assert "_files" in out


def test_without_the_extra_the_error_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "pip install 'counterpoint[completion]'" in said.err
