"""The variables that the configuration of a run sets in the process of each step."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.commands import ENV

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from counterpoint.model import RunRequest

TRACKING = "MLFLOW_TRACKING_URI"


def surroundings(request: RunRequest) -> AbstractContextManager[None]:
    """Sets the variables of a run's configuration in this process, until the block's end."""
    return set_variables({**request.variables, TRACKING: request.tracking, ENV: request.env})


@contextmanager
def set_variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Sets variables of this process that have a value, until the block's end."""
    kept = {name: os.environ.get(name) for name, value in values.items() if value is not None}
    os.environ.update({name: value for name, value in values.items() if value is not None})
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
