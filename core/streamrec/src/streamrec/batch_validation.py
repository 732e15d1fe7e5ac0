"""What a day of events must keep as a whole: few bad rows and nulls, enough rows, plausible means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from counterpoint.errors import ContractError
from counterpoint.redaction import row_value
from streamrec.config import COARSE_DUPLICATES
from streamrec.row_validation import UNIQUE
from streamrec.schema import INSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Partition
    from streamrec.row_validation import Verdict

_MINUTE_US = 60_000_000
_OPTIONAL = ("watch_seconds", "device", "category")


class Day:
    """The judged rows of a day, and the limits that they are held against."""

    def __init__(self, partition: Partition, limits: Mapping[str, Any], verdict: Verdict) -> None:
        self._name = f"validated_interactions of {partition.key}"
        self._limits, self._verdict, self._good = limits, verdict, verdict.good

    def check(self) -> None:
        """Passes, or says what is wrong.

        Raises:
            ContractError: names column, check, count and three examples; carries the rejected rows.
        """
        self._check_delivered()
        tolerated = self._tolerated()
        self._check_duplicates(tolerated)
        self._check_bad(tolerated)
        self._check_rows()
        self._check_nulls()
        self._check_users()
        self._check_watched()
        self._check_types()

    def _fail(self, what: str, fix: str) -> NoReturn:
        raise ContractError(f"{self._name}: {what}; {fix}", self._verdict.rejected)

    def _tolerated(self) -> float | None:
        """The share of duplicates that does not count as bad; None: they all count."""
        limit: float | None = self._limits["max_duplicate_rate"]
        return COARSE_DUPLICATES if limit is None and self._is_coarse() else limit

    def _is_coarse(self) -> bool:
        """Whether all stamps are whole minutes: two purchases in one minute may then be two events."""
        stamps = self._good["timestamp"]
        return not stamps.is_empty() and bool((stamps.to_physical() % _MINUTE_US == 0).all())

    def _check_delivered(self) -> None:
        if self._verdict.total == 0:
            self._fail("all columns, check minimum_rows: 0 rows", "deliver the day")

    def _check_duplicates(self, tolerated: float | None) -> None:
        if tolerated is not None and self._verdict.duplicates > tolerated * self._verdict.total:
            only = pl.col("check") == UNIQUE
            self._fail(self._verdict.worst(only, "max_duplicate_rate", tolerated), "was it delivered twice?")

    def _check_bad(self, tolerated: float | None) -> None:
        counted = pl.lit(value=True) if tolerated is None else pl.col("check") != UNIQUE
        limit = self._limits["max_bad_rate"]
        if len(self._verdict.rejected.filter(counted)) > limit * self._verdict.total:
            what = self._verdict.worst(counted, "max_bad_rate", limit)
            self._fail(what, f"{self._of_days(counted)}correct the source, or the limit in [contract]")

    def _of_days(self, counted: pl.Expr) -> str:
        """Which day a row must be inside of, where some are not."""
        strayed = self._verdict.rejected.filter(counted & (pl.col("check") == INSIDE))
        if strayed.is_empty():
            return ""
        return "a day, as {date} in a file's name, is one of UTC (for others: timezone in [timestamps]); "

    def _check_rows(self) -> None:
        rows, least = len(self._good), max(1, self._limits["minimum_rows"])
        if rows < least:
            what = f"all columns, check minimum_rows: {rows} good rows, and a day has at least {least}"
            self._fail(what, "deliver the whole day, or lower minimum_rows in [contract]")

    def _check_nulls(self) -> None:
        limit, rows = self._limits["max_null_rate"], len(self._good)
        for name in _OPTIONAL:
            count = self._good[name].null_count()
            if count > limit * rows:
                where = ", ".join(self._good.filter(pl.col(name).is_null())["origin"].head(3))
                what = f"column {name}, check max_null_rate: {count} of {rows} hold none, over {limit:.2%}"
                self._fail(f"{what}, such as {where}", "deliver the column, or leave it out of the profile")

    def _check_users(self) -> None:
        limit, rows = self._limits["max_user_share"], len(self._good)
        users = self._good.group_by("user_id").len()
        user, count = users.sort(["len", "user_id"], descending=[True, False]).row(0)
        if count > limit * rows:
            what = f"column user_id, check max_user_share: {count} of {rows} events are of user {row_value(user)}"
            self._fail(f"{what}, over {limit:.0%}", "is it a machine? raise the limit in [contract] if not")

    def _check_watched(self) -> None:
        limit, mean = self._limits["max_mean_watch_seconds"], self._good["watch_seconds"].mean()
        if isinstance(mean, float) and mean > limit:
            what = f"column watch_seconds, check max_mean_watch_seconds: a mean of {mean:.1f}, over {limit}"
            self._fail(what, "are they milliseconds? correct the source, or the limit in [contract]")

    def _check_types(self) -> None:
        for kind, (least, most) in self._limits["event_shares"].items():
            count = int((self._good["event_type"] == kind).sum())
            share = count / len(self._good)
            if not least <= share <= most:
                what = f"column event_type, check event_shares: {count} events are {kind}, {share:.2%}"
                self._fail(f"{what}, outside {least:.2%}..{most:.2%}", "is a kind of event missing?")
