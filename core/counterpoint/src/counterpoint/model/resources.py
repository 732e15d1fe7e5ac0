"""What a step needs of the machine that runs it, in the quantities of Kubernetes.

Source: Kubernetes, "Resource Management for Pods and Containers", and the grammar of `resource.Quantity`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from counterpoint.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([eE]\d{1,2}|[kMGTPE]|[KMGTPE]i|m)?", re.ASCII)
_DECIMAL = {unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_BINARY = {unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_UNITS = {"": 1, **_DECIMAL, **_BINARY}
# less than an interpreter with Counterpoint alone takes
_LEAST_MEMORY = 32 * 1024**2
_MILLI = 1000


@dataclass(frozen=True, slots=True)
class Resources:
    """CPUs, memory and GPUs of one attempt at a step; what is not given is not limited.

    `cpu` is a number of CPUs, or text such as `500m`; it is kept in thousandths. `memory` is a number of bytes, or text
    such as `512Mi`, `4Gi` or `2G`. `gpu` is a number of whole GPUs.

    Raises:
        DefinitionError: one of them is no such quantity.
    """

    cpu: float | str | None = None
    memory: int | str | None = None
    gpu: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "cpu", None if self.cpu is None else _cpus(self.cpu))
        if self.memory is not None:
            object.__setattr__(self, "memory", str(self.memory))
            _bytes(str(self.memory))
        gpu: Any = self.gpu
        if not isinstance(gpu, int) or isinstance(gpu, bool) or gpu < 0:
            raise DefinitionError(f"gpu={gpu!r} is no number of GPUs: write a whole number, such as gpu=1")
        if self.cpu is None and self.memory is None and not gpu:
            raise DefinitionError("Resources() says nothing: give it cpu, memory or gpu, or leave it out")

    @property
    def cpu_quantity(self) -> str | None:
        """The CPUs as Kubernetes writes them: `2`, `0.5`."""
        return None if self.cpu is None else _plain(self.cpus)

    @property
    def cpus(self) -> float:
        """The number of CPUs; 0 where it is not limited."""
        return float(self.cpu or 0)

    @property
    def threads(self) -> int | None:
        """How many threads a library may start to compute: the CPUs, rounded up."""
        return None if self.cpu is None else max(1, math.ceil(self.cpus))

    @property
    def memory_bytes(self) -> int | None:
        """The memory in bytes."""
        return None if self.memory is None else _bytes(str(self.memory))

    def __str__(self) -> str:
        """For people: `2 CPUs, 4Gi memory, 1 GPU`."""
        said = [] if self.cpu is None else [f"{self.cpu_quantity} CPU{'s' if self.cpu != 1 else ''}"]
        said += [] if self.memory is None else [f"{self.memory} memory"]
        said += [f"{self.gpu} GPU{'s' if self.gpu != 1 else ''}"] if self.gpu else []
        return ", ".join(said)


def largest(resources: Iterable[Resources | None]) -> Resources | None:
    """What one container needs in which each of several steps can run: the maximum of each; None where none says."""
    known = [each for each in resources if each is not None]
    if not known:
        return None
    memory = max((each for each in known if each.memory), key=lambda each: each.memory_bytes or 0, default=None)
    return Resources(
        cpu=max((each.cpus for each in known if each.cpu is not None), default=None),
        memory=memory.memory if memory else None,
        gpu=max((each.gpu for each in known), default=0),
    )


def _plain(number: float) -> str:
    """A number without an exponent, and without zeros behind the point."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _cpus(given: float | str) -> float:
    text = _plain(given) if isinstance(given, float) else str(given)
    match = None if isinstance(given, bool) else _QUANTITY.fullmatch(text)
    if not match or match[2] not in {None, "m"}:
        raise DefinitionError(f"cpu={given!r} is no number of CPUs: write cpu=2, cpu=0.5 or cpu='500m'")
    cpus = round(float(match[1]) / (_MILLI if match[2] else 1), 3)
    if cpus <= 0:
        raise DefinitionError(f"cpu={given!r} is no CPU at all: write 0.001 at least, or leave it out")
    return cpus


def _bytes(text: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise DefinitionError(f"memory={text!r} is no quantity of Kubernetes: write '512Mi', '4Gi' or '2G'")
    if match[2] == "m":
        raise DefinitionError(f"memory={text!r} is thousandths of a byte: write '{match[1]}Mi'")
    unit = match[2] or ""
    factor = Decimal(10) ** int(unit[1:]) if unit[:1] in {"e", "E"} and unit[1:].isdigit() else Decimal(_UNITS[unit])
    size = int(Decimal(match[1]) * factor)
    if size < _LEAST_MEMORY:
        raise DefinitionError(f"memory={text!r} is less than a Python process takes: write '32Mi' at least")
    return size
