"""Runs a module whose garbage is collected by a separate thread.

    python -m counterpoint.garbage MODULE [WORD ...]

It is for a server with an event loop on SQLite. A failed statement leaves its cursor as garbage, in a reference cycle
with the exception. The thread that collects it waits for the cursor's connection. If that is the event loop's thread,
and the connection waits for a transaction of the same loop, both wait until SQLite's time-out, as does the server.
"""

from __future__ import annotations

import gc
import runpy
import sys
import time
from threading import Thread

_EVERY_SECONDS = 1.0


def collect_in_thread() -> None:
    """Makes a separate thread collect garbage from now on, with the interpreter's own thresholds."""
    gc.disable()
    Thread(target=_collect, name="garbage", daemon=True).start()


def command(module: str, *words: str) -> tuple[str, ...]:
    """The command that runs a module in this way."""
    return (sys.executable, "-P", "-m", __name__, module, *words)


def _collect() -> None:
    while True:
        time.sleep(_EVERY_SECONDS)
        counts = zip(gc.get_count(), gc.get_threshold(), strict=True)
        if due := [
            generation for generation, (count, threshold) in enumerate(counts) if threshold and count > threshold
        ]:
            gc.collect(due[-1])


if __name__ == "__main__":
    collect_in_thread()
    sys.argv[:] = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
