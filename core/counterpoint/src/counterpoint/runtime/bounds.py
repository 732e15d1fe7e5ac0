"""What the process of a step is given and held to: the variables of its environment, its threads, its memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from counterpoint.runtime.registry import find_pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import RunRequest, Step

# what libraries that compute read when they are imported: Polars, OpenMP (PyTorch, PyArrow, LightGBM, XGBoost, ...),
# the libraries below NumPy, numexpr, and Rust's rayon
_THREADS = (
    "POLARS_MAX_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The memory in bytes that the processes of an attempt may hold, and the variables of their environment.

    A process that has variables of its own is not forked from one that has imported libraries already: those would
    have read the variables when they were imported.
    """

    memory: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.memory is not None or bool(self.variables)

    @classmethod
    def of(cls, step: Step) -> Bounds:
        """What a step declares; nothing of one that declares neither resources nor an environment."""
        threads = step.resources.threads if step.resources else None
        computed = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
        return cls(step.resources.memory_bytes if step.resources else None, {**computed, **step.env})


def bounds_of(request: RunRequest, step: str) -> Bounds:
    """The bounds of a step of a run; none where it cannot be loaded, which its execution reports."""
    try:
        return Bounds.of(find_pipeline(request.pipeline).step(step))
    except Exception:  # noqa: BLE001 - the import of a user's module can raise anything
        return Bounds()
