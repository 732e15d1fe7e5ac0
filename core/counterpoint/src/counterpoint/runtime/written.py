"""Detecting that the code that runs is not the code on disk, whose digest must not be given to the output then.

A process may have loaded a module before it was changed, or a module may change while a step runs. The output of such a
step is published as made by unknown code: it is never fresh, so the next run makes it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.errors import CounterpointError
from counterpoint.model.code import Reach, outdated, own_code_of, step_reach
from counterpoint.runtime.context import StepContext, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a step when its execution began: what it reaches, its digest, and what was loaded before a change."""

    reach: Reach
    digest: str
    outdated: tuple[str, ...]

    @classmethod
    def of(cls, context: StepContext) -> Code:
        """The code of a step that is about to be executed."""
        reach = step_reach(context.step)
        return cls(reach, own_code_of(context.step), tuple(outdated(reach)))

    def changed(self, context: StepContext) -> Sequence[str]:
        """The modules and distributions that may have run in another state than at the beginning."""
        try:
            now = step_reach(context.step)
        except CounterpointError:
            return [context.step.function]
        before, after = {**self.reach.own, **self.reach.versions}, {**now.own, **now.versions}
        names = before.keys() | after.keys()
        return sorted({*self.outdated, *(name for name in names if before.get(name) != after.get(name))})


def unknown(context: StepContext, digest: str, changed: Sequence[str]) -> str:
    """A digest that equals no other if something changed; else the digest itself."""
    return digest_of(["unknown", digest, context.request.run_id, list(changed)]) if changed else digest


def warn(context: StepContext, changed: Sequence[str]) -> None:
    """Warns that an output was made by unknown code, and says what to do."""
    if changed:
        log.warning(
            "%s of %s was made while its code changed (%s), so it counts as stale: run it again; if that does not help,"
            " start the process that runs it again",
            context.step.name,
            context.key,
            ", ".join(changed[:5]),
        )
