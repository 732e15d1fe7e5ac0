"""The settings of StreamRec and their defaults: JSON values, overridden key by key. Standard library only."""

from __future__ import annotations

from typing import Any

# The first day there can be.
FIRST_DAY = "2010-01-01"

# The limits of the contract of a day of events. A profile overrides them, and the setting `contract` both.
LIMITS: dict[str, Any] = {
    "minimum_rows": 100,  # good rows; a day without rows fails whatever stands here
    "max_bad_rate": 0.01,  # of the rows read, what may go to the dead letters
    # Duplicates are bad rows like any other (null), unless all stamps of a day are whole minutes: then equal
    # events may be two, and up to COARSE_DUPLICATES of the rows are set aside without counting as bad.
    "max_duplicate_rate": None,
    "max_null_rate": 0.05,  # in each column; the keys may hold none at all
    "max_id_length": 256,  # characters of a user or item
    "max_watch_seconds": 86_400.0,  # of one event
    # What a day's events may look like as a whole: wide enough for any honest day, closed to a stuck sensor.
    "max_mean_watch_seconds": 14_400.0,
    "max_user_share": 0.5,  # of the events, by one user
    "event_shares": {},  # event type -> [least, most] share of the events
}

# Share of the rows that may be duplicates where stamps are whole minutes and no limit is set.
COARSE_DUPLICATES = 0.10

CONFIG: dict[str, Any] = {
    "source": "synthetic",
    "contract": {},
    "retrieval": {},
    "ranking": {},
    "gate": {},
    "seed": 7,
}
