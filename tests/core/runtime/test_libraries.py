"""What steps were seen to import is known to the next run, which has it before the first step asks."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.model import RunRequest
from counterpoint.runtime import Attempt, execute_in_child
from counterpoint.runtime.forkserver_client import Libraries, ready
from counterpoint.runtime.preload_cache import PRELOAD, learn, learned

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Toys

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="libraries are imported before a fork on Linux only")


def request_of(root: object, pipeline: str = "shop.daily:pipeline") -> RunRequest:
    return RunRequest(pipeline, "2026-01-01", "run", str(root))


def test_each_pipeline_knows_its_own_step_by_step(tmp_path: Path) -> None:
    request = request_of(tmp_path)
    assert learned(request, "model") == Libraries()
    learn(request, "features", ["polars"])
    learn(request, "model", ["torch"])
    learn(request, "model", ["polars"])
    assert learned(request, "features") == (("polars",), ("torch",))
    assert learned(request, "model") == (("polars", "torch"), ())
    assert learned(request, "raw") == ((), ("polars", "torch"))
    assert learned(replace(request, steps=("features",)), "features") == (("polars",), ())
    assert learned(request_of(tmp_path, "shop.weekly:pipeline"), "model") == Libraries()


def test_only_what_may_be_imported_before_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(request_of(tmp_path), "model", ["torch", "threads_of_its_own"])
    assert learned(request_of(tmp_path), "model").first == ("torch",)
    monkeypatch.setenv(PRELOAD, "")
    assert learned(request_of(tmp_path), "model") == Libraries()


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_a_broken_file_costs_time_only(tmp_path: Path, text: str) -> None:
    request = request_of(tmp_path)
    learn(request, "model", ["torch"])
    (file,) = (tmp_path / "services" / "libraries").iterdir()
    file.write_text(text, encoding="utf-8")
    assert learned(request, "model") == Libraries()
    learn(request, "model", ["torch"])
    assert learned(request, "model").first == ("torch",)


def test_a_root_that_is_no_folder_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = request_of("s3://bucket/root")
    learn(request, "model", ["torch"])
    assert learned(request, "model") == Libraries()
    assert not list(tmp_path.iterdir())


def test_the_next_run_has_it_before_its_first_step(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRELOAD, "colorsys")
    request = toys.request("forked", run_id="run", force=True, config={"library": "colorsys"})

    def told() -> Any:
        return toys.store(request).read(execute_in_child(Attempt(request, "needy", {})))

    assert not told()["there"]
    assert learned(request, "needy") == (("colorsys",), ())
    monkeypatch.setenv("TOYS_SAID", "other surroundings, so another process to fork from")
    assert told()["there"]


def test_what_later_steps_need_is_there_by_then(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRELOAD, "colorsys")
    request = toys.request("forked", run_id="run", force=True, config={"library": "colorsys"})
    found = []
    for pause in (0.5, 2.0, 8.0):  # of a busy machine
        monkeypatch.setenv("TOYS_SAID", f"other surroundings, so another process to fork from, {pause}")
        process = ready(lambda: Libraries(later=("colorsys",)))
        time.sleep(pause)
        found.append(toys.store(request).read(execute_in_child(Attempt(request, "needy", {})))["there"])
        assert ready() is process
        if found[-1]:
            break
    assert found[-1]


def test_one_that_starts_a_thread_is_done_without(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PRELOAD, "threaded")
    request = toys.request("forked", run_id="run", force=True, config={"library": "threaded"})
    learn(request, "needy", ["threaded"])
    assert not toys.store(request).read(execute_in_child(Attempt(request, "needy", {})))["there"]
