"""Progress of a command: a view that stays in place on a terminal, else one log line per event."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from counterpoint.cli.commands import packages
from counterpoint.cli.marks import WORKING
from counterpoint.progress import PLANNED, RUNNING, StepState
from counterpoint.terminal import Visible, timed, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

_REFRESHES = 4  # a second
_MOST_ROWS = 16  # of a grid, below which messages still fit on a small terminal


@contextmanager
def showing(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Shows on stderr what is logged in the block.

    Args:
        quiet: warnings alone.
        verbose: also requests to services.
    """
    handler = _Shown.view = _View() if _has_room(quiet=quiet) else _Lines()
    handler.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    # the view reads also what is no line
    level = logging.DEBUG if verbose or isinstance(handler, _View) else handler.level
    requests = {"httpx": logging.INFO} if verbose else {}
    for name, least in {**dict.fromkeys(packages(), level), **requests}.items():
        heard = logging.getLogger(name)
        heard.handlers, heard.propagate = [handler], False
        heard.setLevel(least)
    try:
        yield
    finally:
        handler.close()


class _Shown:
    """What is shown now."""

    view: logging.Handler | None = None


def freeze_view() -> None:
    """Leaves the view as it is before other output; later events begin a new view."""
    if isinstance(_Shown.view, _View):
        _Shown.view.freeze()


def _has_room(*, quiet: bool) -> bool:
    if quiet or not sys.stderr.isatty():
        return False
    from rich.console import Console

    console = Console(stderr=True)
    return console.is_terminal and not console.is_dumb_terminal


class _Lines(logging.StreamHandler):  # type: ignore[type-arg]
    """One line per event, with its time."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(timed())


class _View(logging.Handler):
    """The steps in place below the messages; drawn from the first step on."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Visible("%(message)s"))
        self._grid = Grid()
        self._live: Live | None = None
        self._console: Console | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Takes the events of steps at any level, and prints other messages from the handler's level on."""
        steps = getattr(record, "steps", None)
        if steps is None:
            return bool(record.levelno >= self.level and super().handle(record))
        with self.lock or nullcontext():
            self._grid.take(steps)
            self._draw()
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Prints a message above the steps."""
        from rich.text import Text

        style = "yellow" if record.levelno == logging.WARNING else "red" if record.levelno > logging.WARNING else ""
        self._on().print(Text(self.format(record), style=style), soft_wrap=True)

    def _on(self) -> Console:
        from rich.console import Console

        self._console = self._console or Console(stderr=True)
        return self._console

    def _draw(self) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(self._grid, console=self._on(), refresh_per_second=_REFRESHES, redirect_stdout=False)
            self._live.start()

    def freeze(self) -> None:
        """Leaves the last state on the terminal."""
        with self.lock or nullcontext():
            if self._live is not None:
                self._live.stop()
                self._live, self._grid = None, Grid()

    def close(self) -> None:
        """Ends the view."""
        self.freeze()
        super().close()


class Grid:
    """The states of a command's steps: for one partition a row per step, for several a row per partition."""

    def __init__(self) -> None:
        self.steps: dict[tuple[str, str], StepState] = {}
        self._started: dict[tuple[str, str], float] = {}
        self._begun = time.monotonic()

    def take(self, steps: list[StepState]) -> None:
        """Records the states of steps; a step that is announced again keeps its state."""
        for step in steps:
            key = step.partition, step.step
            if step.state == PLANNED and key in self.steps:
                continue
            if step.state == RUNNING:
                self._started[key] = time.monotonic()
            self.steps[key] = step

    def __rich__(self) -> Group:
        """The table as it is now, and its summary."""
        from rich.console import Group
        from rich.text import Text

        drawn = self._one() if len({partition for partition, _ in self.steps}) == 1 else self._several()
        return Group(drawn, Text(f" {self.summary()}", style="dim"))

    def _one(self) -> Table:
        from rich.table import Table

        drawn = Table(show_edge=False, box=None, padding=(0, 1))
        for column in ("", next(iter(self.steps.values())).partition, "state", "rows", "seconds"):
            drawn.add_column(column, justify="right" if column in {"rows", "seconds"} else "left")
        for step in self.steps.values():
            seconds = self._seconds(step) if step.state == RUNNING else step.seconds
            rows = "" if step.rows is None else f"{step.rows:,}"
            taken = "" if seconds is None else f"{seconds:.1f}"
            drawn.add_row(_mark(step), visible(step.step), step.state.replace("_", " "), rows, taken)
        return drawn

    def _several(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        partitions = sorted({partition for partition, _ in self.steps})
        shown = partitions
        if len(partitions) > _MOST_ROWS:
            # those that are over make room first
            shown = sorted(sorted(partitions, key=self._over)[:_MOST_ROWS])
        drawn = Table(show_edge=False, box=None, padding=(0, 1))
        drawn.add_column("partition")
        drawn.add_column("steps")
        drawn.add_column("running")
        for partition in shown:
            states = [step for (key, _), step in self.steps.items() if key == partition]
            marks = Text.assemble(*(_mark(step) for step in states))
            running = ", ".join(f"{visible(s.step)} {self._seconds(s):.0f} s" for s in states if s.state == RUNNING)
            drawn.add_row(visible(partition), marks, running)
        if left := len(partitions) - len(shown):
            drawn.add_row(f"and {left} more", "", "")
        return drawn

    def _over(self, partition: str) -> bool:
        return all(step.state not in {PLANNED, RUNNING} for (key, _), step in self.steps.items() if key == partition)

    def _seconds(self, step: StepState) -> float:
        return time.monotonic() - self._started[step.partition, step.step]

    def summary(self) -> str:
        """The numbers of done, running, failed and remaining steps, and an estimate of the remaining time."""
        states = [step.state for step in self.steps.values()]
        left = sum(state in {PLANNED, RUNNING} for state in states)
        done, taken = len(states) - left, time.monotonic() - self._begun
        parts = [f"{done} of {len(states)} steps", f"{taken:.0f} s"]
        parts += [f"{n} {word}" for word in (RUNNING, "failed") if (n := states.count(word))]
        if done and left:
            parts.append(f"about {taken / done * left:.0f} s left")
        return ", ".join(parts)


def _mark(step: StepState) -> Text:
    from rich.text import Text

    mark, style = WORKING.get(step.state, WORKING[PLANNED])
    return Text(mark, style=style)
