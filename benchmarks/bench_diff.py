"""`counterpoint diff` on two large tables beside datacompy and a plain full join in Polars.

Ten columns; every 10,000th cell of the nine beside the key has another value on the right, whose rows are in another
order. Each comparison is a process of its own that reads both Parquet files, finds the changed cells of each column and
prints them; all must find the same. Medians of interleaved runs, of the wall time from reading on (imports are not
counted) and of the peak memory of the whole process.

datacompy does not run on the Polars that Counterpoint needs, so it is looked for in an environment of its own:
`uv venv FOLDER && uv pip install -p FOLDER/bin/python datacompy pyarrow`, then `--datacompy FOLDER/bin/python`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

LEAST_SPEED, MOST_MEMORY = 3.0, 0.25
ONE_IN = 10_000

TIMED = """
import json, sys, time
import polars as pl
left, right = sys.argv[1:]
{imports}
begun, used = time.perf_counter(), time.process_time()
{body}
taken, used = time.perf_counter() - begun, time.process_time() - used
# not ru_maxrss, which a process takes over from the one that started it
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
print(json.dumps({{"seconds": taken, "cpu": used, "megabytes": peak, "changed": changed}}))
"""
OURS = TIMED.format(
    imports="from counterpoint.diff import Options, diff_tables",
    body="""
found = diff_tables(pl.scan_parquet(left), pl.scan_parquet(right), Options(("id",)))
changed = {column.name: column.changed for column in found.columns if column.changed}
""",
)
JOIN = TIMED.format(
    imports="",
    body="""
both = pl.read_parquet(left).join(pl.read_parquet(right), on="id", how="full", coalesce=True)
names = [name for name in both.columns if name + "_right" in both.columns]
counts = both.select(pl.col(name).ne_missing(pl.col(name + "_right")).sum() for name in names).row(0, named=True)
changed = {name: count for name, count in counts.items() if count}
""",
)
DATACOMPY = TIMED.format(
    imports="import datacompy",
    body="""
found = datacompy.PolarsCompare(pl.read_parquet(left), pl.read_parquet(right), join_columns=["id"])
changed = {column["column"]: column["unequal_cnt"] for column in found.column_stats if column["unequal_cnt"]}
""",
)


def table(rows: int) -> pl.DataFrame:
    """A table of events: a key, and nine columns of what tables hold."""
    chance = np.random.default_rng(7)
    moments = chance.integers(1_700_000_000_000_000, 1_800_000_000_000_000, rows)
    return pl.DataFrame(
        {
            "id": np.arange(rows),
            "user": chance.integers(0, rows // 10 + 1, rows),
            "count": chance.integers(0, 100, rows).astype(np.int32),
            "score": chance.random(rows),
            "price": chance.random(rows),
            "share": chance.random(rows).astype(np.float32),
            "name": pl.Series(chance.integers(0, 100_000, rows)).cast(pl.String).str.pad_start(8, "n"),
            "device": pl.Series(chance.integers(0, 5, rows)).cast(pl.String),
            "at": pl.Series(moments).cast(pl.Datetime("us")),
            "seen": chance.random(rows) < 0.5,  # noqa: PLR2004 - half of them
        }
    )


def changed(name: str, kind: pl.DataType) -> pl.Expr:
    """Another value of a column."""
    if kind == pl.String:
        return pl.lit("other")
    if kind == pl.Boolean:
        return ~pl.col(name)
    return pl.col(name) + (pl.duration(seconds=1) if kind.is_temporal() else pl.lit(1, kind))


def with_changes(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows in another order, every 10,000th cell of each column but the key changed."""
    changes = []
    for place, (name, kind) in enumerate(frame.schema.items()):
        if name != "id":
            is_meant = pl.col("id") % ONE_IN == place
            changes.append(pl.when(is_meant).then(changed(name, kind)).otherwise(pl.col(name)).alias(name))
    return frame.with_columns(changes).sample(fraction=1.0, shuffle=True, seed=7)


def measured(python: str, code: str, files: list[str]) -> dict[str, float]:
    """Seconds, peak megabytes and changed cells of one process."""
    done = subprocess.run([python, "-c", code, *files], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"it failed: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def has_datacompy(python: str) -> bool:
    """Whether an interpreter has datacompy."""
    return subprocess.run([python, "-c", "import datacompy"], capture_output=True, check=False).returncode == 0


def verdict(found: dict[str, list[dict[str, float]]]) -> bool:
    """Prints medians and ratios; whether a floor is missed."""
    seconds = {name: median(run["seconds"] for run in runs) for name, runs in found.items()}
    cpu = {name: median(run["cpu"] for run in runs) for name, runs in found.items()}
    memory = {name: median(run["megabytes"] for run in runs) for name, runs in found.items()}
    for name in found:
        print(f"{name:10} {seconds[name]:6.2f} s wall {cpu[name]:6.2f} s CPU {memory[name]:7.0f} MB")
    speed = {name: seconds[name] / seconds["ours"] for name in found}
    share = {name: memory["ours"] / memory[name] for name in found}
    print(f"full join / ours, time: {speed['full join']:.2f} (no floor)")
    print(f"ours / full join, memory: {share['full join']:.2f} (no floor)")
    if "datacompy" not in found:
        return False
    print(f"datacompy / ours, time: {speed['datacompy']:.2f} (at least {LEAST_SPEED})")
    print(f"ours / datacompy, memory: {share['datacompy']:.2f} (under {MOST_MEMORY})")
    return speed["datacompy"] < LEAST_SPEED or share["datacompy"] >= MOST_MEMORY


def main() -> int:
    """Prints the ratios and their floors; the exit code is 1 when one is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--datacompy", default=sys.executable, metavar="PYTHON", help="an interpreter that has it")
    given = parser.parse_args()
    runs = {"ours": (sys.executable, OURS), "full join": (sys.executable, JOIN)}
    if has_datacompy(given.datacompy):
        runs["datacompy"] = (given.datacompy, DATACOMPY)
    else:
        print(f"datacompy is not installed in {given.datacompy}, so no floor is held: see --help")
    found: dict[str, list[dict[str, float]]] = {name: [] for name in runs}
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("left.parquet", "right.parquet")]
        frame = table(given.rows)
        frame.write_parquet(files[0])
        with_changes(frame).write_parquet(files[1])
        del frame
        for _ in range(given.repeats):
            for name, (python, code) in runs.items():
                found[name].append(measured(python, code, files))
    cells = [run["changed"] for of_one in found.values() for run in of_one]
    if any(counts != cells[0] for counts in cells):
        raise SystemExit(f"they do not find the same: {cells}")
    print(f"{given.rows:,} rows, changed cells found by all: {cells[0]}")
    return int(verdict(found))


if __name__ == "__main__":
    sys.exit(main())
