"""The feature step at 7 x 1,000,000 events, as a whole process: textbook pandas, ours, and merely reading.

Ours is what a day costs in production: the newest day's partial is built, six stored ones are read, seven
are merged. Wall time is of the child process from start to end, medians of interleaved runs; memory is its
peak. Each child imports only what its own way needs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

LEAST_SPEEDUP, MOST_OF_READING, MOST_MEMORY = 4.0, 3.0, 350.0
COLUMNS = ["user_id", "item_id", "event_type", "watch_ms", "category"]
DAYS = [f"2026-01-0{n}" for n in range(1, 8)]
ENTITIES = {"item": ["item_id"], "user": ["user_id"], "user_category": ["user_id", "category"]}
COUNTS = {
    "impressions": "impression",
    "clicks": "click",
    "plays": "play",
    "completes": "complete",
    "likes": "like",
}


def prepare(folder: Path, events: int) -> None:
    """Writes a generated week, and the partials of its first six days, as the store keeps them."""
    from counterpoint.model import Partitions
    from streamrec.features import daily_partials
    from streamrec.source import raw_interactions
    from streamrec.validation import validated_interactions

    source = f"synthetic:rows={events},late=0,duplicates=0,bad=0"
    for key in DAYS:
        day = Partitions().partition(key)
        rows = validated_interactions(raw_interactions(day, source).rows, day, {}, source).rows
        rows.write_parquet(folder / f"{key}.parquet")
        if key != DAYS[-1]:
            daily_partials(rows).write_parquet(folder / f"partial-{key}.parquet")


def run_read(folder: Path) -> Any:
    """Merely reads the columns of all seven days."""
    import polars as pl

    return [pl.read_parquet(folder / f"{key}.parquet", columns=COLUMNS) for key in DAYS]


def run_ours(folder: Path) -> Any:
    """The newest day's partial, and the merge of seven."""
    import polars as pl

    from counterpoint.model import Partitions
    from streamrec.features import daily_partials, training_features

    newest = daily_partials(pl.read_parquet(folder / f"{DAYS[-1]}.parquet", columns=COLUMNS))
    partials = {key: pl.read_parquet(folder / f"partial-{key}.parquet") for key in DAYS[:-1]}
    return training_features({**partials, DAYS[-1]: newest}, Partitions().partition(DAYS[-1]))


def run_pandas(folder: Path) -> Any:
    """The same rows the way textbooks write it: concatenate, flag, and group what lies before each day."""
    import pandas as pd

    events, dates = _pandas_events(pd, folder)
    blocks = []
    for entity, keys in ENTITIES.items():
        for as_of in dates[1:]:
            before = events[events["date"] < as_of]
            if as_of < dates[6] and entity != "item":
                active = events.loc[events["date"] == as_of, ["user_id"]].drop_duplicates()
                before = before.merge(active, on="user_id")
            sums = {**_pandas_sums(entity), "date": "nunique"}
            features = before.groupby(keys, as_index=False).agg(sums).rename(columns={"date": "active_days"})
            blocks.append(features.assign(entity=entity, as_of=as_of))
    return pd.concat(blocks)


def run_tuned(folder: Path) -> Any:
    """The same in pandas with our idea: the sums of each day first, then the sums of days."""
    import pandas as pd

    events, dates = _pandas_events(pd, folder)
    blocks = []
    for entity, keys in ENTITIES.items():
        daily = events.groupby(["date", *keys], as_index=False).agg(_pandas_sums(entity)).assign(active_days=1)
        for as_of in dates[1:]:
            before = daily[daily["date"] < as_of]
            if as_of < dates[6] and entity != "item":
                active = daily.loc[daily["date"] == as_of, ["user_id"]].drop_duplicates()
                before = before.merge(active, on="user_id")
            features = before.groupby(keys, as_index=False).agg({**_pandas_sums(entity), "active_days": "sum"})
            blocks.append(features.assign(entity=entity, as_of=as_of))
    return pd.concat(blocks)


def _pandas_events(pd: Any, folder: Path) -> tuple[Any, Any]:
    frames = [pd.read_parquet(folder / f"{key}.parquet", columns=COLUMNS) for key in DAYS]
    dates = pd.date_range(DAYS[0], periods=len(DAYS) + 1)
    events = pd.concat([frame.assign(date=date) for frame, date in zip(frames, dates, strict=False)])
    for name, kind in COUNTS.items():
        events[name] = (events["event_type"] == kind).astype("int64")
    return events, dates


def _pandas_sums(entity: str) -> dict[str, str]:
    category = {"category": "min"} if entity == "item" else {}
    return {**dict.fromkeys([*COUNTS, "watch_ms"], "sum"), **category}


RUNS = {"pandas": run_pandas, "tuned": run_tuned, "ours": run_ours, "read": run_read}


def digest(frame: Any) -> str:
    """The number of rows and a digest of the content, whatever library made it."""
    import polars as pl

    from counterpoint.storage import content_digest
    from streamrec.schema import FEATURES

    table = frame if isinstance(frame, pl.DataFrame) else pl.from_pandas(frame)
    absent = [pl.lit(None, pl.String).alias(name) for name in FEATURES if name not in table.columns]
    table = table.with_columns(absent).select(pl.col(n).cast(t) for n, t in FEATURES.items())
    return f"{len(table):,} rows, {content_digest(table)}"


def child(name: str, folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of one run in a process of its own."""
    # jemalloc makes four arenas a core, and none gives to another what it has freed: two serve two threads.
    environment = {**os.environ, "_RJEM_MALLOC_CONF": "narenas:2"}
    command = [sys.executable, __file__, "--child", name, "--data", str(folder)]
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"the child {name} failed: {done.stdout}{done.stderr}")
    print(done.stdout, end="") if name == "digest" else None
    return seconds, 0.0 if name == "digest" else float(done.stdout)


def peak_memory() -> float:
    """The peak of this process in MB; getrusage would give that of the parent that it was forked from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(folder: Path, repeats: int) -> int:
    """Prints every ratio with its floor; the exit code is 1 when one is missed."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in RUNS}
    for _ in range(repeats):
        for name, found in runs.items():
            found.append(child(name, folder))
    seconds = {name: median(run[0] for run in found) for name, found in runs.items()}
    memory = {name: max(run[1] for run in found) for name, found in runs.items()}
    for name in RUNS:
        print(f"{name:8} {seconds[name]:6.2f} s {memory[name]:7.0f} MB")
    speedup, reading = seconds["pandas"] / seconds["ours"], seconds["ours"] / seconds["read"]
    print(f"pandas / ours: {speedup:.2f} (at least {LEAST_SPEEDUP})")
    print(f"tuned / ours:  {seconds['tuned'] / seconds['ours']:.2f} (no floor)")
    print(f"ours / read:   {reading:.2f} (at most {MOST_OF_READING})")
    print(f"peak memory:   {memory['ours']:.0f} MB (at most {MOST_MEMORY:.0f})")
    return int(speedup < LEAST_SPEEDUP or reading > MOST_OF_READING or memory["ours"] > MOST_MEMORY)


def main() -> int:
    """Measures, or is one of the measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="a day")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", type=Path, help="keep the generated week in this folder, or use what is there")
    parser.add_argument("--child", choices=[*RUNS, "digest"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child == "digest":
        digests = {name: digest(RUNS[name](given.data)) for name in ("pandas", "tuned", "ours")}
        print("\n".join(f"{name:8} {found}" for name, found in digests.items()))
        return int(len(set(digests.values())) > 1)
    if given.child:
        RUNS[given.child](given.data)
        print(peak_memory())
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / f"{DAYS[-1]}.parquet").exists():
            prepare(folder, given.events)
        child("digest", folder)
        return measure(folder, given.repeats)


if __name__ == "__main__":
    sys.exit(main())
