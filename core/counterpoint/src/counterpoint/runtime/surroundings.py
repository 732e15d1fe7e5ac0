"""The variables that the configuration of a run sets in the process of each step."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from counterpoint.commands import ENV

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from counterpoint.model import RunRequest

TRACKING = "MLFLOW_TRACKING_URI"


def surroundings(request: RunRequest) -> AbstractContextManager[None]:
    """Sets the variables of a run's configuration in this process, until the block's end."""
    return set_variables({**request.variables, TRACKING: request.tracking, ENV: request.env})


@contextmanager
def set_variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Sets variables of this process that have a value, until the block's end."""
    wanted = {name: value for name, value in values.items() if value is not None}
    with restored(wanted):
        os.environ.update(wanted)
        yield


@contextmanager
def restored(names: Iterable[str]) -> Iterator[None]:
    """Gives variables of this process the values back that they have now, at the block's end."""
    kept = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
