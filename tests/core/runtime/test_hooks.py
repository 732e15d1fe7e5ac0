"""Hooks: called at each moment of an attempt, in their order; found by entry point, or given."""

# ruff: noqa: ARG002 - a hook has the signature of its base class

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.cli.main import main
from counterpoint.errors import UsageError
from counterpoint.model import Status
from counterpoint.runtime import context_of, execute, step_record
from counterpoint.runtime.hooks import Hooks, StepHook, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from conftest import Toys

    from counterpoint.model import ErrorInfo, Materialization, RunRequest, StepRecord
    from counterpoint.runtime.context import StepContext
    from counterpoint.runtime.outputs import Product

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/hooks.md"


class Noting(StepHook):
    """Notes each moment."""

    def __init__(self, order: int = 500, name: str = "") -> None:
        self.order, self.name, self.noted = order, name, list[Any]()  # type: ignore[misc]

    def before(self, context: StepContext) -> Materialization | None:
        self.noted.append(("before", context.step.name, context.key, context.attempt))
        return None

    def calling(self, context: StepContext, fingerprint: str) -> Mapping[str, Any]:
        self.noted.append(("calling", fingerprint[:7]))
        return {"nobody_asks_for": 1}

    def called(self, context: StepContext, values: Mapping[str, Any]) -> Mapping[str, Any]:
        self.noted.append(("called", dict(values)))
        return {"noted": len(self.noted)}

    def after(self, context: StepContext, product: Product) -> None:
        self.noted.append(("after", product.reused))

    def failed(self, context: StepContext, record: StepRecord) -> None:
        self.noted.append(("failed", record.attempts))

    def given_up(self, context: StepContext, error: ErrorInfo) -> None:
        self.noted.append(("given up", error.type))


def test_each_moment_of_an_attempt_that_ends_well(toys: Toys) -> None:
    request, hook = toys.request("windows"), Noting()
    execute(request, "source", hooks=[hook])
    computed = [("before", "source", "2026-01-03", 1), ("calling", "sha256:"), ("called", {"nobody_asks_for": 1})]
    assert hook.noted == [*computed, ("after", False)]
    details = dict(step_record(request, "source")["details"])
    # the code of the toys may use torch, which another test of this process may have loaded
    details.pop("device", None)
    assert details == {"noted": 3}
    again = Noting()
    execute(request, "source", attempt=2, hooks=[again])
    assert again.noted == [("before", "source", "2026-01-03", 2), ("after", True)], "what stands was not computed again"


def test_each_attempt_that_fails_and_the_last_one(toys: Toys) -> None:
    request, hook = toys.request("failing"), Noting()
    last = context_of(request, "fails").step.retry.retries + 1
    for attempt in range(1, last + 1):
        with pytest.raises(Exception, match=r"."):
            execute(request, "fails", {"fine": None}, attempt=attempt, hooks=[hook])
    ends = [one for one in hook.noted if one[0] in {"failed", "given up"}]
    assert [one[1] for one in ends if one[0] == "failed"] == list(range(1, last + 1))
    assert [one[0] for one in ends[-2:]] == ["given up", "failed"]
    assert sum(one[0] == "given up" for one in ends) == 1


def test_the_first_answer_is_taken_and_those_after_it_are_not_asked(toys: Toys) -> None:
    request, other = toys.request("windows", run_id="first"), toys.request("windows", "2026-01-02")
    execute(request, "source")
    execute(other, "source")
    entry = context_of(other, "source").store.entry("source", "2026-01-02")

    class Takes(StepHook):
        order = 1

        def before(self, context: StepContext) -> Materialization | None:
            return entry

    late = Noting(order=2)
    made = execute(toys.request("windows", config={"number": 7}), "source", hooks=[late, Takes()])
    assert entry is not None
    assert made == entry.reference
    assert late.noted == [("after", True)]
    assert toys.calls("source-2026-01-03") == 1


def test_one_that_refuses_fails_the_attempt(toys: Toys) -> None:
    class Refuses(StepHook):
        def calling(self, context: StepContext, fingerprint: str) -> Mapping[str, Any]:
            raise UsageError("not today")

    request = toys.request("windows")
    with pytest.raises(UsageError, match="not today"):
        execute(request, "source", hooks=[Refuses()])
    assert toys.calls("source-2026-01-03") == 0
    record = step_record(request, "source")
    assert (record["status"], record["error"]["message"]) == (Status.FAILED.value, "not today")


def test_what_one_raises_after_a_failure_hides_nothing(toys: Toys, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(StepHook):
        order = 1

        def failed(self, context: StepContext, record: StepRecord) -> None:
            raise OSError("password=hunter2 is wrong")

        def given_up(self, context: StepContext, error: ErrorInfo) -> None:
            raise OSError("nor is this")

    after, request = Noting(), toys.request("failing")
    retries = context_of(request, "fails").step.retry.retries
    with pytest.raises(Exception, match=r"^(?!.*(hunter2|nor is this))"):
        execute(request, "fails", {"fine": None}, attempt=retries + 1, hooks=[Broken(), after])
    assert [one[0] for one in after.noted[-2:]] == ["given up", "failed"]
    assert "hook Broken: OSError" in caplog.text
    assert "hunter2" not in caplog.text


def test_they_are_called_in_their_order() -> None:
    hooks = [Noting(order=3), Noting(order=1), Noting(order=2)]
    assert [hook.order for hook in Hooks(hooks)] == [1, 2, 3]
    assert [hook.order for hook in installed()] == sorted(hook.order for hook in installed())


@pytest.fixture
def distribution(
    tmp_path: Path, on_path: Callable[[str], AbstractContextManager[None]]
) -> Iterator[Callable[[str, str], None]]:
    """Installs a distribution with a module and a hook in it."""
    place = tmp_path / "site"

    def install(code: str, hook: str) -> None:
        package, told = place / "mine", place / "mine-1.0.dist-info"
        for folder in (package, told):
            folder.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "hooks.py").write_text(code, encoding="utf-8")
        (told / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", encoding="utf-8")
        (told / "entry_points.txt").write_text(f"[counterpoint.hooks]\nrows = {hook}\n", encoding="utf-8")
        installed.cache_clear()

    with on_path(str(place)):
        yield install
    installed.cache_clear()
    for name in ("mine", "mine.hooks"):
        sys.modules.pop(name, None)


def test_the_example_of_the_page_follows_steps_in_processes_of_their_own(
    toys: Toys,
    distribution: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (hook,) = re.findall(r'^rows = "(.*)"', text, re.MULTILINE)
    distribution(code, hook)
    monkeypatch.chdir(tmp_path)
    run: RunRequest = toys.request("windows", "2026-01-01", steps=("source",))
    assert toys.run(run).status is Status.SUCCESS
    assert (tmp_path / "rows.log").read_text(encoding="utf-8") == "source 2026-01-01 None\n"
    main(["doctor", "--json", "--root", str(toys.root)])
    told = {check["what"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert told["hooks"] == {"what": "hooks", "state": "mine.hooks:Rows", "fix": None}


@pytest.mark.parametrize(
    ("code", "words"),
    [("", "mine.hooks:Rows cannot be created"), ("class Rows: ...", "mine.hooks:Rows is no counterpoint")],
)
def test_one_that_is_none_is_named(distribution: Callable[[str, str], None], code: str, words: str) -> None:
    distribution(code, "mine.hooks:Rows")
    with pytest.raises(UsageError, match=words):
        installed()
