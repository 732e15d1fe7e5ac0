"""The device on which a step computed, as PyTorch reports it if a step has loaded it; it is never imported here."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection


def device_used(imports: Collection[str]) -> dict[str, Any] | None:
    """The kind, names and count of the devices used, and those available; None for a step that does not use PyTorch.

    Args:
        imports: The distributions that the step's code imports: a process may have loaded PyTorch for another step.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or ("torch" not in imports and not _began_cuda(torch)):
        return None
    devices = {"cuda": _cuda(torch), "mps": _mps(torch)}
    available = {kind: names for kind, (names, _) in devices.items() if names}
    kind, used = next(((kind, used) for kind, (_, used) in devices.items() if used), ("cpu", []))
    return {"kind": kind, "names": used, "count": len(used), "available": available}


def _began_cuda(torch: Any) -> bool:
    with suppress(AttributeError, RuntimeError):
        return bool(torch.cuda.is_initialized())
    return False


def _cuda(torch: Any) -> tuple[list[str], list[str]]:
    """The names of all GPUs that PyTorch calls CUDA (NVIDIA and AMD), and of those that allocated memory."""
    with suppress(AttributeError, RuntimeError, AssertionError):
        if torch.cuda.is_available():
            numbers = range(torch.cuda.device_count())
            began = torch.cuda.is_initialized()
            names = [str(torch.cuda.get_device_name(number)) for number in numbers]
            return names, [names[n] for n in numbers if began and torch.cuda.max_memory_allocated(n) > 0]
    return [], []


def _mps(torch: Any) -> tuple[list[str], list[str]]:
    """The same for Apple's GPU, of which a machine has one."""
    with suppress(AttributeError, RuntimeError):
        if torch.backends.mps.is_available():
            return ["mps"], ["mps"] if torch.mps.driver_allocated_memory() > 0 else []
    return [], []
