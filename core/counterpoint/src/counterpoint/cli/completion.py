"""`counterpoint completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from counterpoint.cli.output import answer
from counterpoint.extras import need

HELP = "print the completion script of a shell"
EXAMPLE = 'eval "$(counterpoint completion bash)"'
SHELLS = ("bash", "zsh", "tcsh")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def run(args: argparse.Namespace) -> int:
    """Prints the script on stdout."""
    shtab = need("shtab", "completion", "completion scripts")
    from counterpoint.cli.parser import parser

    top = parser()
    _complete_paths(top, shtab.FILE)
    script = shtab.complete(top, shell=args.shell)
    if args.json:
        answer({"shell": args.shell, "script": script})
    else:
        print(script)
    return 0


def _complete_paths(parser: argparse.ArgumentParser, files: Any) -> None:
    """Has every argument that takes a path completed with file names."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for sub in dict.fromkeys(action.choices.values()):
                _complete_paths(sub, files)
        elif action.type is Path:
            action.complete = files  # type: ignore[attr-defined]
