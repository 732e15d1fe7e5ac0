"""What a step computed on. The machines of these tests have no GPU: a module stands in for PyTorch with one."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from counterpoint.runtime.devices import device_used


def a_torch(used: tuple[int, ...] = (), *, apple: bool = False) -> ModuleType:
    """As PyTorch tells of two GPUs, some of which have held memory, or of Apple's."""
    torch = ModuleType("torch")
    names = [] if apple else ["H100", "A10"]
    cuda = SimpleNamespace(
        is_available=lambda: bool(names),
        is_initialized=lambda: bool(used),
        device_count=lambda: len(names),
        get_device_name=lambda number: names[number],
        max_memory_allocated=lambda number: int(number in used),
    )
    mps = SimpleNamespace(is_available=lambda: apple)
    vars(torch).update(
        cuda=cuda, backends=SimpleNamespace(mps=mps), mps=SimpleNamespace(driver_allocated_memory=lambda: int(apple))
    )
    return torch


@pytest.mark.parametrize(
    ("torch", "kind", "names", "available"),
    [
        (a_torch((1,)), "cuda", ["A10"], {"cuda": ["H100", "A10"]}),
        (a_torch((0, 1)), "cuda", ["H100", "A10"], {"cuda": ["H100", "A10"]}),
        (a_torch(), "cpu", [], {"cuda": ["H100", "A10"]}),
        (a_torch(apple=True), "mps", ["mps"], {"mps": ["mps"]}),
        (ModuleType("torch"), "cpu", [], {}),
    ],
)
def test_what_was_used_and_what_there_was(
    torch: ModuleType, kind: str, names: list[str], available: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    told = device_used({"torch"})
    assert told == {"kind": kind, "names": names, "count": len(names), "available": available}


def test_a_gpu_that_was_used_counts_whoever_imported_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", a_torch((0,)))
    told = device_used(())
    assert told is not None
    assert told["kind"] == "cuda"
    monkeypatch.setitem(sys.modules, "torch", a_torch())
    assert device_used(()) is None


def test_torch_is_not_imported_to_ask() -> None:
    asked = "from counterpoint.runtime.devices import device_used; print(device_used({'torch'}))"
    code = f"import sys; {asked}; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "None\nFalse\n"


@pytest.mark.torch
def test_the_real_torch_of_this_machine() -> None:
    pytest.importorskip("torch")
    told = device_used({"torch"})
    assert told is not None
    assert (told["kind"], told["count"]) == ("cpu", 0)
