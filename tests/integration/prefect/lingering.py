"""A pipeline that waits for what never comes, and whose processes take their time to end."""

from __future__ import annotations

import atexit
import os
import time
from datetime import timedelta

from counterpoint.model import Output, OutputKind, Partitions, Pipeline, marker, step

VALUE = Output(OutputKind.VALUE)
LOOKED_FOR = marker("no/such/{partition}", poll=timedelta(seconds=2), timeout=timedelta(seconds=14))
if "LINGERING" in os.environ:
    atexit.register(time.sleep, 4)


@step(output=VALUE)
def before():
    return 1


@step(output=VALUE, waits=(LOOKED_FOR,))
def after(before):
    return before


pipeline = Pipeline("lingering", (before, after), Partitions(start="2026-01-01"))
