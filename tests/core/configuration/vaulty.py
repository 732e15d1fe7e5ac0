"""A pipeline with a step that takes a secret, and says all that it can of it."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from counterpoint.model import Partitions, Pipeline, RetryPolicy, step


@step(secrets={"api_key": None, "other_key": "env:VAULTY_OTHER_KEY"}, retry=RetryPolicy(2, timedelta(0)))
def load(api_key, other_key, word, source):
    print("printing", api_key, other_key)  # noqa: T201 - what a user may do
    logging.getLogger("vaulty").warning("logging %s", api_key)
    if word == "fails":
        raise ValueError(f"refused: {api_key} {other_key}")
    seen = {name: os.environ.get(name) for name in ("VAULTY_GREETING", "MLFLOW_TRACKING_URI", "COUNTERPOINT_ENV")}
    return {"length": len(api_key), "word": word, "source": source, **seen}


@step()
def after(load):
    return load["length"]


CONFIG = {"word": "default", "source": "nowhere", "gate": {"a": 1, "b": 2}, "seed": 1}
vaulty = Pipeline("vaulty", (load, after), Partitions(start="2026-01-01"), config=CONFIG)
