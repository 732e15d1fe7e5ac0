"""What a step saved is given to the attempts after it, to those with the same input, settings and code alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from counterpoint.errors import SourceError, StepKilledError, StorageError
from counterpoint.model import Materialization, Status
from counterpoint.runtime import Attempt, context_of, execute, execute_in_child
from counterpoint.runtime.checkpoints import Checkpoint, checkpoint_of, forget
from counterpoint.storage.objects import Objects
from counterpoint.storage.versions import drop

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Toys

    from counterpoint.model import RunRequest


def kept(toys: Toys, request: RunRequest) -> list[str]:
    return toys.store(request).list("checkpoints")


def killed(request: RunRequest, number: int = 1) -> None:
    with pytest.raises(StepKilledError):
        execute_in_child(Attempt(request, "counts_to", {}, number))


def test_a_step_that_was_killed_goes_on_in_the_next_attempt_and_in_the_next_run(toys: Toys) -> None:
    request = toys.request("counting")
    killed(request)
    assert len(kept(toys, request)) == 1
    killed(request, 2)  # it goes on after 2, and is killed after 5
    again = replace(request, run_id="again")
    run = toys.run(again)
    told = run.step("counts_to")
    assert (run.status, told.attempts) == (Status.SUCCESS, 1)
    assert toys.store(again).read(told.output) == [5, 9]
    assert told.details["checkpoint"] == {"resumed": True, "saved": 4}
    assert kept(toys, request) == []


def test_the_local_runner_goes_on_in_its_own_second_attempt(toys: Toys) -> None:
    request = toys.request("counting", config={"number": 4})
    told = toys.run(request).step("counts_to")
    assert (told.status, told.attempts, told.details["checkpoint"]) == (
        Status.SUCCESS,
        2,
        {"resumed": True, "saved": 2},
    )


def test_another_setting_or_partition_or_version_begins_anew(toys: Toys) -> None:
    request = toys.request("counting")
    killed(request)
    others = [
        replace(request, config={**request.config, "number": 1}),
        replace(request, partition="2026-01-04", config={**request.config, "number": 1}),
        replace(request, version="trial", config={**request.config, "number": 1}),
    ]
    assert [toys.store(one).read(execute(one, "counts_to")) for one in others[1:]] == [[0, 1]] * 2
    assert len(kept(toys, request)) == 1
    assert toys.store(request).read(execute(others[0], "counts_to")) == [0, 1]
    # what stands for the partition now was made otherwise, but nobody will want the other state
    assert kept(toys, request) == []


def test_each_element_of_a_mapped_step_has_its_own(toys: Toys) -> None:
    request = toys.request("counting_elements")
    for index in (0, 1):
        with pytest.raises(SourceError, match="not yet"):
            execute(request, "element_counts", index=index)
    assert len(kept(toys, request)) == 2
    assert toys.store(request).read(execute(request, "element_counts", index=1)) == 5
    assert [path.rpartition("/")[2].rpartition("-")[0] for path in kept(toys, request)] == ["2026-01-03.0"]


def test_a_version_that_is_dropped_drops_its_own(toys: Toys) -> None:
    request, trial = toys.request("counting"), toys.request("counting", version="trial")
    killed(request)
    toys.evidence.rename(toys.evidence.with_name("before"))
    killed(trial)
    assert len(kept(toys, request)) == 2
    assert drop(toys.store(trial)) == 0
    assert [path.split("/")[1] for path in kept(toys, request)] == ["production"]


def test_what_a_process_left_that_was_killed_after_it_published_is_removed(toys: Toys) -> None:
    request = toys.request("counting", config={"number": 1})
    execute(request, "counts_to")
    context = context_of(request, "counts_to")
    entry = context.store.entry("counts_to", request.partition)
    assert isinstance(entry, Materialization)
    left = checkpoint_of(context, entry.fingerprint)
    assert left is not None
    left.save(b"1")
    execute(replace(request, run_id="again"), "counts_to")
    assert kept(toys, request) == []


def test_a_step_that_does_not_ask_has_none(toys: Toys) -> None:
    context = context_of(toys.request("windows"), "source")
    assert checkpoint_of(context, "sha256:0") is None
    forget(context)


def test_what_cannot_be_removed_does_not_fail_the_step(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = toys.request("counting", config={"number": 1})

    def refuse(_self: Objects, path: str) -> None:
        raise StorageError(f"{path} cannot be written")

    monkeypatch.setattr(Objects, "delete", refuse)
    assert toys.store(request).read(execute(request, "counts_to")) == [0, 1]
    assert "the checkpoints of counts_to of 2026-01-03 were not removed" in caplog.text


WRITER = """
import sys
from counterpoint.runtime.checkpoints import Checkpoint
from counterpoint.storage.objects import Objects
checkpoint = Checkpoint(Objects(sys.argv[1]), "state")
number = 0
while True:
    number = (number + 1) % 256
    checkpoint.save(bytes([number]) * 4_000_000)
    print(number, flush=True)
"""


def test_a_process_killed_while_it_saves_leaves_a_whole_state(tmp_path: Path) -> None:
    checkpoint = Checkpoint(Objects(str(tmp_path)), "state")
    for saves in (1, 2, 5):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            for _ in range(saves):
                assert writer.stdout is not None
                writer.stdout.readline()
            writer.kill()
        found = checkpoint.load()
        assert found is not None
        assert (len(found), len(set(found))) == (4_000_000, 1)
