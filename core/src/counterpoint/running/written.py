"""Whether the code that runs is the code that stands on disk: else what it makes must not be taken for the latter's.

A process may have loaded a module before it was changed, or a module may change while a step runs. What such a step
makes is published, but as made by unknown code: it is never fresh, so that the next run makes it again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from counterpoint.errors import CounterpointError
from counterpoint.model.code import Reach, outdated, own_code_of, step_reach
from counterpoint.running.inputs import Work, digest_of

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
    def of(cls, work: Work) -> Code:
        """That of a step that is about to be executed."""
        reach = step_reach(work.step)
        return cls(reach, own_code_of(work.step), tuple(outdated(reach)))

    def changed(self, work: Work) -> Sequence[str]:
        """The modules and distributions of which it is not known whether what ran is what stood at the beginning."""
        try:
            now = step_reach(work.step)
        except CounterpointError:
            return [work.step.function]
        before, after = {**self.reach.own, **self.reach.versions}, {**now.own, **now.versions}
        names = before.keys() | after.keys()
        return sorted({*self.outdated, *(name for name in names if before.get(name) != after.get(name))})


def unknown(work: Work, digest: str, changed: Sequence[str]) -> str:
    """In place of a digest one that equals no other, where something changed; else the digest itself."""
    return digest_of(["unknown", digest, work.request.run_id, list(changed)]) if changed else digest


def warn(work: Work, changed: Sequence[str]) -> None:
    """Says which output is of unknown code, and what to do."""
    if changed:
        log.warning(
            "%s of %s was made while its code changed (%s), so it counts as stale: run it again; if that does not help,"
            " start the process that runs it again",
            work.step.name,
            work.key,
            ", ".join(changed[:5]),
        )
