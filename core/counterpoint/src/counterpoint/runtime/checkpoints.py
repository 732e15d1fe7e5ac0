"""What a step keeps of its own progress, so that an attempt after one that was killed need not begin again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from counterpoint.errors import StorageError
from counterpoint.runtime.hooks import StepHook
from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product
    from counterpoint.storage.objects import Objects

log = logging.getLogger(__name__)


class Checkpoint:
    """The last state that a step saved, given to a step function that has a parameter `checkpoint`.

    A state is whatever bytes the step can go on from. It is found again by an attempt with the same inputs, settings
    and code alone, and forgotten once the step is published.
    """

    def __init__(self, objects: Objects, path: str) -> None:
        self._objects, self._path = objects, path
        self._resumed, self._saved = False, 0

    def load(self) -> bytes | None:
        """The state that an earlier attempt saved last, or None.

        Raises:
            StorageError: the root cannot be read.
        """
        found = self._objects.get(self._path)
        self._resumed = found is not None
        return found

    def save(self, data: bytes) -> None:
        """Puts a state in place of the one before; whoever is killed meanwhile leaves one of both whole.

        Raises:
            StorageError: the root cannot be written.
        """
        self._objects.put(self._path, data)
        self._saved += 1

    def told(self) -> dict[str, Any]:
        """What the record of the step says of it: whether a state was there, and how many this attempt saved."""
        return {"checkpoint": {"resumed": self._resumed, "saved": self._saved}}


class Checkpoints(StepHook):
    """Gives a step function its checkpoint, and removes it once the step is published."""

    order = 600

    def calling(self, context: StepContext, fingerprint: str) -> dict[str, Any]:
        """Gives the checkpoint to a step that asks for one."""
        checkpoint = checkpoint_of(context, fingerprint)
        return {} if checkpoint is None else {"checkpoint": checkpoint}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - of the hook
        """Tells how the checkpoint was used."""
        return values["checkpoint"].told() if "checkpoint" in values else {}

    def after(self, context: StepContext, product: Product) -> None:  # noqa: ARG002 - of the hook
        """Removes what was saved."""
        forget(context)


def checkpoint_of(context: StepContext, fingerprint: str) -> Checkpoint | None:
    """The checkpoint of a step that asks for one; None for others."""
    if "checkpoint" not in context.step.provided:
        return None
    path = layout.checkpoint(context.store.version, context.pipeline.name, context.step.name, context.key, fingerprint)
    return Checkpoint(context.store, path)


def forget(context: StepContext) -> None:
    """Removes what attempts at a step that stands now have saved, also those with other inputs or code.

    It never raises: what is left over takes room, and nothing else.
    """
    if "checkpoint" not in context.step.provided:
        return
    folder = layout.checkpoints_folder(context.store.version, context.pipeline.name, context.step.name)
    try:
        for path in context.store.list(folder):
            if layout.checkpoint_partition_of(path) == context.key:
                context.store.delete(path)
    except StorageError as error:
        log.warning("the checkpoints of %s of %s were not removed: %s", context.step.name, context.key, error)
