"""Each environment has what it is for, and nothing that it must not have."""

from __future__ import annotations

import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

ORCHESTRATORS = {"airflow": "apache-airflow", "dagster": "dagster", "prefect": "prefect"}
INSTALLED = {distribution.name.lower() for distribution in distributions()}


def test_the_orchestrators_here_are_those_in_the_name_of_the_environment() -> None:
    expected = {name for name in ORCHESTRATORS if name in Path(sys.prefix).name.split("-")}
    assert {name for name, distribution in ORCHESTRATORS.items() if distribution in INSTALLED} == expected


@pytest.mark.torch
def test_torch_is_the_cpu_build() -> None:
    gigabytes = sorted(name for name in INSTALLED if name.startswith(("nvidia-", "cuda-")))
    assert gigabytes == [], f"torch {version('torch')} came with its CUDA build"
