"""Pipelines whose steps take memory and CPUs, or read the variables of their process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from counterpoint.model import Pipeline, Resources, RetryPolicy, step

SMALL = Resources(memory="300Mi")
_HOLD = "data = bytearray(400 * 1024**2); import time; time.sleep(60)"


@step(resources=SMALL)
def fits():
    return len(bytearray(100 * 1024**2))


@step(resources=SMALL)
def grows(folder):
    held = []
    while True:
        held.append(os.urandom(8 * 1024**2))
        with Path(folder, "held").open("a", encoding="ascii") as file:  # a character for each piece
            file.write(".")
        time.sleep(0.01)


@step(resources=SMALL)
def starts_another():
    return subprocess.run([sys.executable, "-c", _HOLD], check=True).returncode


@step(resources=SMALL)
def spikes():
    import ctypes  # frees at once what it took, before anybody looks again

    size = 400 * 1024**2
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    populated = libc.mmap(None, size, 3, 0x8022, -1, 0)
    libc.munmap(populated, size)
    return size


memory = Pipeline("memory", (fits, grows, starts_another, spikes), config={"folder": ""})


@step(resources=Resources(memory="1Gi"))
def polars_fits():
    import polars as pl

    return pl.select(pl.int_range(4_000_000)).to_series().sum()


@step(resources=Resources(memory="300Mi"))
def polars_grows():
    import polars as pl

    frame = pl.select(number=pl.int_range(60_000_000))
    return frame.with_columns(pl.col("number").shuffle(seed=1).alias("other")).height


polars_memory = Pipeline("polars_memory", (polars_fits, polars_grows))


@step(resources=Resources(memory="2Gi"))
def torch_fits():
    import torch

    return float(torch.ones(1000, 1000).sum())


@step(resources=Resources(memory="500Mi"))
def torch_grows():
    import torch

    held = []
    while len(held) < 1000:
        held.append(torch.ones(2_000_000))
    return len(held)


torch_memory = Pipeline("torch_memory", (torch_fits, torch_grows))


def threads_of_libraries():
    import polars as pl
    import pyarrow as pa

    found = {"polars": pl.thread_pool_size(), "pyarrow": pa.cpu_count()}
    if "torch" in sys.modules or os.environ.get("WITH_TORCH"):
        import torch

        found["torch"] = torch.get_num_threads()
    return {**found, "variable": os.environ.get("OMP_NUM_THREADS", "unset")}


threads = Pipeline(
    "threads",
    (
        step(threads_of_libraries, name="free"),
        step(threads_of_libraries, name="limited", resources=Resources(cpu=1), after=("free",)),
        step(threads_of_libraries, name="own", resources=Resources(cpu=1), env={"OMP_NUM_THREADS": "3"}),
    ),
)
with_torch = Pipeline(
    "with_torch",
    (step(threads_of_libraries, name="limited_torch", resources=Resources(cpu=1), env={"WITH_TORCH": "1"}),),
)


def reads(name):
    return os.environ.get(name, "unset")


variables = Pipeline(
    "variables",
    (step(reads, name="with_env", env={"GREETING": "hello"}), step(reads, name="without_env", after=("with_env",))),
    config={"name": "GREETING"},
)
# the same pipeline after somebody has changed the variable
changed_variables = Pipeline(
    "variables",
    (step(reads, name="with_env", env={"GREETING": "bye"}), step(reads, name="without_env", after=("with_env",))),
    config={"name": "GREETING"},
)


def works(folder, name):
    began = time.monotonic()
    time.sleep(0.5)
    Path(folder).mkdir(exist_ok=True)
    Path(folder, f"{name}.span").write_text(f"{began} {time.monotonic()}", encoding="ascii")
    return name


def work_a(folder):
    return works(folder, "a")


def work_b(folder):
    return works(folder, "b")


def work_c(folder):
    return works(folder, "c")


# each needs as many CPUs as any machine has
crowd = Pipeline(
    "crowd",
    tuple(step(work, resources=Resources(cpu=10_000)) for work in (work_a, work_b, work_c)),
    config={"folder": ""},
)


@step(resources=Resources(memory="300Mi"), retry=RetryPolicy(1))
def hopeless():
    return len(os.urandom(500 * 1024**2))


retried = Pipeline("retried", (hopeless,))
