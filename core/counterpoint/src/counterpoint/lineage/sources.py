"""What the code of a run's steps was made of: its modules, and a digest of each function in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.lineage.functions import functions_of
from counterpoint.model.code import step_reach

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from counterpoint.model import Pipeline
    from counterpoint.model.code import Reach


def sources_of(pipeline: Pipeline, checkout: Path | None, root: str | None = None) -> dict[str, Any]:
    """The modules that any step reaches, by name.

    Args:
        pipeline: The pipeline.
        checkout: The folder of the checkout that holds its code, or None.
        root: The root below which the digests of functions are kept for later runs; None: they are not.

    Returns:
        By module `digest` (of the file), `file` (relative to the checkout; None outside of it) and `functions`: by
        qualified name a digest of the syntax tree, so that comments and layout do not count.
    """
    reaches = [step_reach(step) for step in pipeline.steps]
    files = {name: file for reach in reaches for name, file in reach.files.items()}
    own = {name: digest for reach in reaches for name, digest in reach.own.items()}
    sources = {name: file.read_bytes() for name, file in files.items() if name in own and file.suffix == ".py"}
    functions = functions_of(sources, root, pipeline.name)
    return {name: _module(own[name], files.get(name), checkout, functions.get(name, {})) for name in sorted(own)}


def reach_of_steps(pipeline: Pipeline) -> dict[str, Any]:
    """By step the names of the modules that it reaches, and the versions of the distributions that these import."""
    return {step.name: _reach(step_reach(step)) for step in pipeline.steps}


def _reach(reach: Reach) -> dict[str, Any]:
    return {"modules": sorted(reach.own), "versions": dict(sorted(reach.versions.items()))}


def _module(digest: str, file: Path | None, checkout: Path | None, functions: Mapping[str, str]) -> dict[str, Any]:
    inside = file is not None and checkout is not None and file.resolve().is_relative_to(checkout)
    return {
        "digest": digest,
        "file": file.resolve().relative_to(checkout).as_posix() if inside and file and checkout else None,
        "functions": functions,
    }
