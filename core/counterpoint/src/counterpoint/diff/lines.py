"""The lines in which the code of two runs differs, where both commits are in the checkout here."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError
from counterpoint.lineage import checkout_of, source_of
from counterpoint.redaction import redacted
from counterpoint.runtime import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def lines_changed(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The lines that changed in the modules of both runs, as a unified diff.

    Returns:
        The diff, or None; and a note: why there is none, or what it leaves out.
    """
    commits = [side["git"]["commit"] for side in (left, right)]
    checkout = _checkout(right["pipeline"])
    if None in commits or checkout is None:
        return None, "the lines are not shown: the code of a run, or of the pipeline here, lies in no git checkout"
    files = sorted({source["file"] for side in (left, right) for source in side["sources"].values() if source["file"]})
    command = ["git", "-C", str(checkout), "diff", "--no-ext-diff", "--no-color", *commits, "--", *files]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ended.returncode:
        return None, f"the lines are not shown: {checkout} does not have both commits: fetch them"
    dirty = [side["run_id"] for side in (left, right) if side["git"]["dirty"]]
    note = f"the lines are those of the commits: uncommitted changes of {', '.join(dirty)} are not among them"
    return redacted(ended.stdout) or None, note if dirty else None


def _checkout(pipeline: str) -> Path | None:
    try:
        return checkout_of(source_of(find_pipeline(pipeline)))
    except (CounterpointError, ImportError, AttributeError):
        return None
