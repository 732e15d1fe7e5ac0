"""What is said of a step beside its function: owner, tags, image and environment; each refusal names the fix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError
from counterpoint.model.resources import Resources
from counterpoint.redaction import is_secret

if TYPE_CHECKING:
    from counterpoint.model.steps import Step

# what Dagster, the strictest of them, takes as an owner and as a tag
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}", re.ASCII)
_TEAM = re.compile(r"team:[A-Za-z0-9._-]+", re.ASCII)
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,63}", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9_.-]{1,63}", re.ASCII)
# Airflow's tag is both, with a colon between them
_LONGEST_TAG = 100
# tags that say what has a property of its own
_OWN_PROPERTY = ("owner", "pool", "counterpoint")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9][\w./:@-]*", re.ASCII)
# the variables by which a worker finds its root, its pipelines and its step
_RESERVED = "COUNTERPOINT_"


def check_labels(where: str, owner: Any, tags: Any) -> None:
    """Refuses an owner or tags that one of the orchestrators does not take.

    Raises:
        DefinitionError: names what has them, and the fix.
    """
    if owner is not None and not (isinstance(owner, str) and (_EMAIL.fullmatch(owner) or _TEAM.fullmatch(owner))):
        raise DefinitionError(f"{where}: owner={owner!r} is neither an e-mail address nor a team: write 'team:data'")
    if not isinstance(tags, Mapping):
        raise DefinitionError(f"{where}: tags={tags!r} is no mapping: write tags={{'tier': 'gold'}}")
    for key, value in tags.items():
        if not (isinstance(key, str) and _KEY.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value)):
            raise DefinitionError(
                f"{where}: tag {key!r}: {value!r}: write key and value in up to 63 letters, digits, '_', '-' and '.'"
            )
        if len(key) + len(value) >= _LONGEST_TAG:
            raise DefinitionError(
                f"{where}: tag {key}: {value}: write less than {_LONGEST_TAG} characters, both together"
            )
        if key in _OWN_PROPERTY:
            raise DefinitionError(f"{where}: the tag {key!r} has a meaning of its own: use the property, or rename it")


def check_surroundings(step: Step) -> None:
    """Refuses what a step says of its resources, image, environment, owner and tags where it cannot be.

    Raises:
        DefinitionError: names the step and the fix.
    """
    where = f"step {step.name}"
    resources: Any = step.resources
    image: Any = step.image
    if not isinstance(resources, Resources | None):
        raise DefinitionError(f"{where}: resources={resources!r}: write Resources(cpu=2, memory='4Gi')")
    if image is not None and not (isinstance(image, str) and _IMAGE.fullmatch(image)):
        raise DefinitionError(f"{where}: image={image!r} is no name of an image: write 'registry/name:tag'")
    check_labels(where, step.owner, step.tags)
    _check_env(where, step.env)


def _check_env(where: str, env: Any) -> None:
    if not isinstance(env, Mapping):
        raise DefinitionError(f"{where}: env={env!r} is no mapping: write env={{'NAME': 'value'}}")
    for name, value in env.items():
        if not (isinstance(name, str) and _VARIABLE.fullmatch(name)) or name.startswith(_RESERVED):
            raise DefinitionError(
                f"{where}: env: {name!r} cannot be set: write letters, digits and '_', and not {_RESERVED}..."
            )
        if not isinstance(value, str) or "\0" in value:
            raise DefinitionError(f"{where}: env: the value of {name} is no text: write a string")
        if is_secret(name):
            raise DefinitionError(
                f"{where}: env: {name} names a secret, which every page would show: declare it in secrets=(...),"
                " or set it in the environment of the workers"
            )
