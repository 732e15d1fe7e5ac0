"""The distribution that holds a pipeline, and the exact versions of all that it needs here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.errors import UsageError
from counterpoint.extras import need
from counterpoint.model import WaitKind
from counterpoint.model.code.distributions import normal_name
from counterpoint.model.code.finding import path_of
from counterpoint.runtime.registry import distribution_of, find_pipeline, registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Project:
    """A distribution with the versions of what it needs.

    Attributes:
        name: The distribution.
        version: Its version.
        module: The module that defines the pipeline.
        attribute: The pipeline's name in that module.
        requirements: `name==version` of each distribution that it and the adapter need, itself not among them; sorted.
        python: The Python that they were resolved for, as `3.12`.
    """

    name: str
    version: str
    module: str
    attribute: str
    requirements: tuple[str, ...]
    python: str


def project_of(reference: str, *others: str) -> Project:
    """The project that a pipeline belongs to, in this environment.

    Args:
        reference: A registered name, or `package.module:object`.
        others: Distributions that its workers need beside it: the adapter and the orchestrator.

    Returns:
        The project; its requirements are the versions that are installed here.

    Raises:
        UsageError: No installed distribution holds the pipeline, or one that it needs is not installed here.
    """
    place = registered().get(reference, reference)
    module, _, attribute = place.partition(":")
    owner = distribution_of(reference) or _holding(module)
    if owner is None:
        raise UsageError(
            f"pipeline {reference} belongs to no installed distribution, so that no worker could install it: add a"
            " pyproject.toml to its folder ('counterpoint init NAME' shows one), then 'pip install -e .' there"
        )
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pinned = _pinned([owner.metadata["Name"], *others, *_read_by(reference)])
    name = normal_name(owner.metadata["Name"])
    lines = tuple(sorted(f"{other}=={version}" for other, version in pinned.items() if other != name))
    return Project(owner.metadata["Name"], owner.version, module, attribute, lines, python)


def _read_by(reference: str) -> Iterator[str]:
    """The distributions of the pipelines that a pipeline waits for or reads: its workers import them."""
    for step in find_pipeline(reference).steps:
        for wait in (wait for wait in step.waits if wait.kind is WaitKind.PARTITION):
            place = registered().get(wait.target, wait.target)
            owner = distribution_of(wait.target) or _holding(place.partition(":")[0])
            if owner is None:
                raise UsageError(
                    f"step {step.name} reads {wait.source}, which belongs to no installed distribution, so that no"
                    " worker could install it: add a pyproject.toml to its folder, then 'pip install -e .' there"
                )
            yield str(owner.metadata["Name"])


def _holding(module: str) -> Distribution | None:
    """The distribution that a module was installed by, also from its sources."""
    file = path_of(module)
    if file is None:
        return None
    top = module.partition(".")[0]
    for candidate in distributions():
        listed = {path.parts[0] for path in candidate.files or () if path.parts}
        if top in listed or f"{top}.py" in listed or _is_editable(candidate, file):
            return candidate
    return None


def _is_editable(candidate: Distribution, file: Path) -> bool:
    """Whether a distribution is installed from the folder that holds a file."""
    origin: dict[str, Any] = _origin(candidate)
    folder = str(origin.get("url", "")).removeprefix("file://")
    return bool(origin.get("dir_info", {}).get("editable")) and Path(folder) in file.parents


def _origin(candidate: Distribution) -> dict[str, Any]:
    from counterpoint.documents import parsed

    text = candidate.read_text("direct_url.json")
    origin = parsed(text) if text else {}
    return origin if isinstance(origin, dict) else {}


def _pinned(roots: Iterable[str]) -> dict[str, str]:
    """The version of each distribution that some need, with those themselves, by normal name.

    Raises:
        UsageError: One that is needed is not installed here.
    """
    requirements = need("packaging.requirements", "build", "locked requirements")
    versions: dict[str, str] = {}
    waiting = [(name, frozenset[str](), "") for name in roots]
    visited = set[tuple[str, frozenset[str]]]()
    while waiting:
        name, extras, needed_by = waiting.pop()
        if (normal_name(name), extras) in visited:
            continue
        visited.add((normal_name(name), extras))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            raise UsageError(
                f"{name}, which {needed_by or 'the pipeline'} needs, is not installed here: 'pip install {name}'"
            ) from None
        versions[normal_name(name)] = installed.version
        waiting += [(other, wanted, name) for other, wanted in _needed(installed, extras, requirements)]
    return versions


def _needed(installed: Distribution, extras: frozenset[str], requirements: Any) -> Iterator[tuple[str, frozenset[str]]]:
    for line in installed.requires or ():
        requirement = requirements.Requirement(line)
        contexts = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(map(requirement.marker.evaluate, contexts)):
            yield requirement.name, frozenset(requirement.extras)
