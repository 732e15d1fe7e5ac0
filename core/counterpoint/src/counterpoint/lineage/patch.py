"""The uncommitted change of the code that steps reach, kept so that a run of a dirty tree can be made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

# in characters: the lineage of a run stays readable
LONGEST = 64 * 1024


def checkout_of(place: Path) -> Path | None:
    """The folder of the checkout that holds a path, or None."""
    try:
        import git

        with git.Repo(place, search_parent_directories=True) as repository:
            folder = repository.working_tree_dir
            return None if folder is None or repository.ignored(str(place)) else Path(folder).resolve()
    except Exception:  # noqa: BLE001 - no git, no checkout, or one that git refuses: the state of git says which
        return None


def patch_of(checkout: Path | None, git_state: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any] | None:
    """The change of a dirty tree against its commit, of the files that steps reach.

    Args:
        checkout: The folder of the checkout.
        git_state: Its state.
        sources: What the steps reach, by module, with their `file`.

    Returns:
        `text` as `git apply` reads it, or None with a `reason` why it is not kept; None for a clean tree.
    """
    if checkout is None or not git_state["dirty"]:
        return None
    text = _diff(checkout, sorted({source["file"] for source in sources.values() if source["file"]}))
    if len(text) > LONGEST:
        return {"text": None, "reason": f"it has {len(text):,} characters, and {LONGEST:,} are kept"}
    if redacted(text) != text:
        return {"text": None, "reason": "it holds what looks like a secret"}
    return {"text": text, "reason": None}


def _diff(checkout: Path, files: list[str]) -> str:
    import git

    with git.Repo(checkout) as repository:
        untracked = set(repository.untracked_files).intersection(files)
        words = ("--no-ext-diff", "--no-color", "--no-renames", "--binary")
        tracked = [file for file in files if file not in untracked]
        parts = [repository.git.diff("HEAD", *words, "--", *tracked, strip_newline_in_stdout=False)] if tracked else []
        for file in sorted(untracked):
            # it answers with 1 for every difference
            told = repository.git.diff(
                *words, "--no-index", "--", "/dev/null", file, strip_newline_in_stdout=False, with_exceptions=False
            )
            parts.append(told)
    return "".join(parts)
