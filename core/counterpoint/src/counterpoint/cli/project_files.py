"""The files of a new project: templates of this package, filled and written whole or not at all."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from counterpoint.cli.project_names import ProjectName

# of every template, so that no tool takes one for a file of ours
_SUFFIX = ".tmpl"


def project_files(name: ProjectName) -> dict[str, str]:
    """The text of each file of a project, by its path in the folder, sorted."""
    words = {"package": name.package, "distribution": name.distribution}
    return dict(sorted(_filled(files("counterpoint.cli") / "templates", "", words)))


def _filled(folder: Traversable, above: str, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        path = f"{above}{entry.name.replace('PACKAGE', words['package'])}"
        if entry.is_dir():
            yield from _filled(entry, f"{path}/", words)
        elif path.endswith(_SUFFIX):
            yield path.removesuffix(_SUFFIX), Template(entry.read_text(encoding="utf-8")).substitute(words)


def write_project(name: ProjectName, out: Path) -> tuple[Path, list[str]]:
    """Writes a project below a folder, which is made if it is missing.

    Args:
        name: its name.
        out: the folder that it goes into.

    Returns:
        The project's folder, and the paths of its files in it.

    Raises:
        UsageError: the folder is there and is not empty, or it cannot be written; nothing is.
    """
    target, texts = out / name.folder, project_files(name)
    try:
        _refuse_used(out, target)
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".counterpoint-init-", dir=out) as beside:
            folder = Path(beside) / name.folder
            for path, text in texts.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text, encoding="utf-8", newline="\n")
            # takes the place of an empty folder; refused if something has come into it by now
            folder.rename(target)
    except OSError as error:
        raise UsageError(
            f"the project cannot be written into {target} ({error.strerror}): choose another folder by --out"
        ) from error
    return target, list(texts)


def _refuse_used(out: Path, target: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is no folder: name one, or one that is to be made")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} exists and is no folder: choose another name, or another folder by --out")
    if target.exists() and any(target.iterdir()):
        raise UsageError(f"{target} exists and is not empty: choose another name, or another folder by --out")
