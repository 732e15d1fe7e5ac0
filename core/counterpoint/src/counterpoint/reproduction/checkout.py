"""The code as it was recorded: its commit in a temporary worktree, with the uncommitted change if that was kept."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError
from counterpoint.lineage import checkout_of, source_of
from counterpoint.runtime import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE = "the code that is installed here"


@dataclass(frozen=True, slots=True)
class Code:
    """Which code is used, in words; the folders in which its modules are found, and what is to be known of it."""

    words: str
    folders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@contextmanager
def recorded_code(lineage: Mapping[str, Any]) -> Iterator[Code]:
    """Has the code of a lineage at hand while the block runs; where it is not, that which is installed here.

    Args:
        lineage: The lineage.
    """
    commit, checkout = lineage["git"]["commit"], _checkout(lineage["pipeline"])
    if commit is None or checkout is None:
        reason = lineage["git"]["reason"] if commit is None else "the pipeline lies in no git checkout here"
        yield Code(_HERE, notes=(f"the recorded code is not at hand: {reason}",))
    elif not lineage.get("sources"):
        yield Code(_HERE, notes=("the lineage is too old to say where in the checkout its modules lie",))
    elif _git(checkout, "cat-file", "-e", f"{commit}^{{commit}}").returncode:
        yield Code(_HERE, notes=(f"commit {commit} is not in {checkout}: fetch it",))
    else:
        with tempfile.TemporaryDirectory(prefix="counterpoint-code-") as temporary:
            folder = Path(temporary, "code")
            try:
                yield _worktree(checkout, folder, lineage)
            finally:
                _git(checkout, "worktree", "remove", "--force", str(folder))


def _checkout(pipeline: str) -> Path | None:
    try:
        place = source_of(find_pipeline(pipeline))
    except (CounterpointError, ImportError, AttributeError):
        place = Path.cwd()  # the code of today may lack the pipeline
    return checkout_of(place)


def _worktree(checkout: Path, folder: Path, lineage: Mapping[str, Any]) -> Code:
    commit = lineage["git"]["commit"]
    words = ("worktree", "add", "--quiet", "--detach", str(folder), commit)
    added = _git(checkout, "-c", "core.hooksPath=/dev/null", *words)
    if added.returncode:
        return Code(_HERE, notes=(f"commit {commit} could not be checked out: {added.stderr.strip()[:200]}",))
    said, notes = _patched(folder, lineage)
    return Code(f"commit {commit[:12]}{said}", _folders(folder, lineage), notes)


def _patched(folder: Path, lineage: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Applies the uncommitted change, if there was one; says so."""
    if not lineage["git"]["dirty"]:
        return "", ()
    patch = lineage.get("patch") or {"text": None, "reason": "the run is older than patches are"}
    if patch["text"] is None:
        return "", (f"the tree was dirty, and its uncommitted change is not kept: {patch['reason']}",)
    if not patch["text"]:
        return "", ()  # other files than those of the steps were changed
    applied = _git(folder, "apply", "--whitespace=nowarn", "-", text=patch["text"])
    if applied.returncode:
        return "", (f"the uncommitted change could not be applied: {applied.stderr.strip()[:200]}",)
    return " with its uncommitted change", ()


def _folders(folder: Path, lineage: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders in which the modules of the steps are found by an import."""
    files = {name: source["file"] for name, source in lineage.get("sources", {}).items() if source["file"]}
    folders = {_folder_of(name, PurePosixPath(file)) for name, file in files.items() if not name.startswith("file:")}
    return tuple(str(folder / inner) for inner in sorted(folders))


def _folder_of(module: str, file: PurePosixPath) -> PurePosixPath:
    inside = file.parent if file.stem == "__init__" else file
    return inside.parents[module.count(".")]


def _git(place: Path, *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(place), *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)
