"""A pipeline that says secrets wherever it can: in messages, logs, causes."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from counterpoint.model import Pipeline, RetryPolicy, step


def _call(planted):
    raise ConnectionError(f"GET https://ann:s3cretive@example.com/x?token=tok-98765 failed with {planted}")


@step(retry=RetryPolicy(1, timedelta(0)))
def leak(number):
    planted = os.environ["LEAKY_API_TOKEN"]
    logging.getLogger("leaks").warning("calling with %s", planted)
    try:
        _call(planted)
    except ConnectionError as error:
        raise RuntimeError(f"no luck with {planted} and Authorization: Bearer abcdef1234567890") from error


leaky = Pipeline("leaky", (leak,), config={"number": 1})
