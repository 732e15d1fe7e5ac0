"""The variables that the configuration of a run sets in the process of each step."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.commands import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator

    from counterpoint.model import RunRequest

TRACKING = "MLFLOW_TRACKING_URI"


@contextmanager
def surroundings(request: RunRequest) -> Iterator[None]:
    """Sets the variables of a run's configuration in this process, until the block's end."""
    values = {**request.variables, TRACKING: request.tracking, ENV: request.env}
    kept = {name: os.environ.get(name) for name, value in values.items() if value is not None}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
