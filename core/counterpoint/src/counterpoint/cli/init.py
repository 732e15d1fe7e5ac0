"""`counterpoint init`: creates the project of a new pipeline, which can run and be tested at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer, echo
from counterpoint.commands import command

if TYPE_CHECKING:
    import argparse

    from counterpoint.cli.project_names import ProjectName

HELP = "make the project of a new pipeline, with data, tests and a container"
EXAMPLE = "counterpoint init my-shop"
# of the sample: the first one with a whole window
_DATE = "2026-01-07"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The project's name, and where it goes."""
    about = "folder and distribution; the package has underscores for hyphens"
    parser.add_argument("name", metavar="NAME", help=about)
    about = "folder that the project's folder goes into; default the current one"
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help=about)


def run(args: argparse.Namespace) -> int:
    """Writes the project; prints its folder and the commands that come next."""
    from counterpoint.cli.project_files import write_project
    from counterpoint.cli.project_names import project_name

    name = project_name(args.name)
    folder, files = write_project(name, args.out)
    following = _next(name, folder)
    if args.json:
        answer({"folder": str(folder.resolve()), "files": files, "next": following})
        return 0
    echo(f"{folder} is made, with {len(files)} files. Next:")
    for line in following:
        echo(f"  {line}")
    return 0


def _next(name: ProjectName, folder: Path) -> list[str]:
    return [
        f"cd {shlex.quote(str(folder))} && python -m pip install -e '.[test]'",
        "python -m pytest",
        command("run", name.package, "--date", _DATE, root=None),
    ]
