"""The commit of a pipeline's code, by GitPython."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def git_state(place: Path) -> dict[str, Any]:
    """Commit, branch, and whether the tree is dirty, of the checkout that holds a path.

    Outside a checkout, or if git is missing, `commit` is None and `reason` says why.
    """
    try:
        import git
    except ImportError as error:
        return _none(f"git is not installed: {error}")
    try:
        with git.Repo(place, search_parent_directories=True) as repository:
            return _state(repository, place)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return _none(f"{place} lies in no git checkout")
    except git.GitCommandError as error:
        # such as a checkout that belongs to another user, which git refuses to read
        return _none(f"git refuses: {error.stderr.strip()[:200]}")


def _state(repository: Any, place: Path) -> dict[str, Any]:
    if _ignored(repository, place):
        return _none(f"{place} is ignored by the checkout around it")
    try:
        commit = repository.head.commit.hexsha
    except ValueError:
        return _none("the checkout has no commit yet")
    return {"commit": commit, "branch": _branch(repository), **_dirt(repository), "reason": None}


def _none(reason: str) -> dict[str, Any]:
    return {"commit": None, "branch": None, "dirty": None, "diff_digest": None, "reason": reason}


def _ignored(repository: Any, place: Path) -> bool:
    """Whether the code is ignored by the checkout, such as in an environment that is installed inside of it."""
    return bool(repository.ignored(str(place)))


def _branch(repository: Any) -> str | None:
    return None if repository.head.is_detached else str(repository.active_branch)


def _dirt(repository: Any) -> dict[str, Any]:
    changed = repository.git.diff("HEAD", "--no-ext-diff")
    untracked = sorted(repository.untracked_files)
    if not changed and not untracked:
        return {"dirty": False, "diff_digest": None}
    digest = hashlib.sha256(changed.encode(errors="surrogateescape"))
    for name in untracked:
        path = Path(repository.working_tree_dir) / name
        digest.update(name.encode(errors="surrogateescape") + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return {"dirty": True, "diff_digest": f"sha256:{digest.hexdigest()}"}
