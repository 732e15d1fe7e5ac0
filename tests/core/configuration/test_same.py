"""A command, a run that an orchestrator begins by itself and a backfill go by one and the same configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterpoint.backfill import prepare
from counterpoint.cli.backfill import asked_of
from counterpoint.cli.configured import environment_of, going_by
from counterpoint.cli.parser import parser
from counterpoint.cli.run import request_of
from counterpoint.cli.run import settings as typed
from counterpoint.cli.up import _serve
from counterpoint.configuration import CONFIG
from counterpoint.model import Configuration, RunRequest
from counterpoint.runtime import configured_pipeline, native_request
from counterpoint.runtime.request_store import keep_request
from counterpoint.storage.objects import Objects

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

ALERTS = "COUNTERPOINT_ALERTS"
NAME, DAY = "vaulty:vaulty", "2026-01-02"
WORDS = st.text("abcdef", min_size=1, max_size=6)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "word": WORDS,
        "seed": st.integers(0, 9),
        "gate": st.fixed_dictionaries({}, optional={"a": st.integers(0, 9)}),
    },
)
NAMED = st.sampled_from([[], ["--env", "prod"]])
ENVIRONMENT = st.fixed_dictionaries(
    {"root": st.sampled_from(["data", "deep/data"])},
    optional={
        "tracking": st.sampled_from(["https://one.example", "https://two.example"]),
        "source": WORDS,
        "settings": SETTINGS,
        "pipelines": st.fixed_dictionaries({}, optional={"vaulty": SETTINGS}),
        "secrets": st.fixed_dictionaries({}, optional={"api_key": st.sampled_from(["env:K", "file:k", "vault:a/b"])}),
        "variables": st.fixed_dictionaries({}, optional={"VAULTY_GREETING": WORDS}),
    },
)


def as_toml(document: dict[str, Any]) -> str:
    """A TOML document, of texts, numbers and tables."""
    return "".join(f"{name} = {_inline(value)}\n" for name, value in document.items())


def _inline(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{" + ", ".join(f"{name} = {_inline(item)}" for name, item in value.items()) + "}"


def by_command(words: list[str], look: Callable[[argparse.Namespace], Any]) -> Any:
    args = parser().parse_args(words)
    with going_by(args):
        return look(args)


@given(
    prod=ENVIRONMENT,
    dev=ENVIRONMENT,
    env=st.sampled_from([[], ["--env", "prod"]]),
    more=st.sampled_from([[], ["--set", "seed=42"]]),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_ways_go_by_one_configuration(
    prod: dict[str, Any], dev: dict[str, Any], env: list[str], more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with TemporaryDirectory() as folder, monkeypatch.context() as patch:
        file = Path(folder, "counterpoint.toml")
        file.write_text(as_toml({"default": "dev", "env": {"prod": prod, "dev": dev}}), encoding="utf-8")
        patch.setenv(CONFIG, str(file))
        asked = by_command(["run", NAME, "--date", DAY, *env, *more], request_of)
        chosen = prod if env else dev
        assert asked.env == ("prod" if env else "dev")
        assert asked.root == str(Path(folder, chosen["root"]).resolve())
        assert asked.tracking == chosen.get("tracking")
        assert asked.variables == chosen.get("variables", {})

        days = ["--from", DAY, "--to", DAY, "--version", "v"]
        backfill = by_command(["backfill", NAME, *days, *env, *more], asked_of)
        assert prepare(backfill, asked.root).shared.configuration == asked.configuration

        def serve(args: argparse.Namespace) -> None:
            _serve(asked.root, (NAME,), "dagster", typed(args), environment_of(args))

        by_command(["up", "dagster", "--pipeline", NAME, *env, *more], serve)
        patch.setenv("COUNTERPOINT_ROOT", asked.root)
        for native_id, scheduled in (("a", True), ("b", False)):
            native = native_request(NAME, DAY, native_id, "dagster", scheduled=scheduled)
            assert native.configuration == asked.configuration
        assert configured_pipeline(NAME, "dagster").config["seed"] == asked.config.get("seed", 1)

        keep_request(Objects(asked.root), "vaulty", asked)
        kept = RunRequest.from_json(Objects(asked.root).get_json(f"runs/vaulty/{asked.run_id}/request.json")["request"])
        assert kept.configuration == asked.configuration

        # a generated file says it all itself: neither what is served nor the process counts
        patch.setenv("COUNTERPOINT_ROOT", "/nowhere")
        written = Configuration.from_json(asked.configuration.to_json())
        assert native_request(NAME, DAY, "c", "prefect", written).configuration == asked.configuration
        assert configured_pipeline(NAME, "prefect", written).config["seed"] == asked.config.get("seed", 1)


@pytest.mark.parametrize(
    "case",
    [
        ([], {}, "dev", None),
        (["--env", "prod"], {}, "prod", "https://prod.example"),
        ([], {"COUNTERPOINT_ENV": "prod"}, "prod", "https://prod.example"),
        ([], {"COUNTERPOINT_ROOT": "/v"}, "/v", None),
        ([], {"COUNTERPOINT_ENV": "prod", "MLFLOW_TRACKING_URI": "https://v"}, "prod", "https://v"),
        (
            ["--env", "prod"],
            {"COUNTERPOINT_ROOT": "/v", "MLFLOW_TRACKING_URI": "https://v"},
            "prod",
            "https://prod.example",
        ),
        (["--env", "prod", "--root", "/o"], {"COUNTERPOINT_ROOT": "/v"}, "/o", "https://prod.example"),
        ([], {"COUNTERPOINT_ENV": "prod", "MLFLOW_TRACKING_URI": "https://me:hunter2hunter2@h"}, "prod", None),
    ],
)
def test_an_option_beats_a_named_environment_which_beats_variables(
    case: tuple[list[str], dict[str, str], str, str | None],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    words, variables, root, tracking = case
    file = 'default = "dev"\n[env.dev]\nroot = "dev"\n[env.prod]\nroot = "prod"\ntracking = "https://prod.example"\n'
    Path("counterpoint.toml").write_text(file + "[env.prod.alerts.routes]\nP0 = []\n", encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    seen: dict[str, Any] = {}

    def look(args: argparse.Namespace) -> None:
        seen.update(
            root=args.root, tracking=environment_of(args).tracking, alerts=os.environ.get("COUNTERPOINT_ALERTS")
        )

    by_command(["status", NAME, *words], look)
    assert Path(seen["root"]) == (Path(root) if root.startswith("/") else project / root)
    assert seen["tracking"] == tracking
    prod = "prod" in [*words, *variables.values()]
    assert seen["alerts"] == (f"{project}/counterpoint.toml#env.prod.alerts" if prod else None)
    overruled = words[:1] == ["--env"] and len(words) == 2 and bool(variables)
    told = "--env prod overrules COUNTERPOINT_ROOT, MLFLOW_TRACKING_URI of this process"
    assert ([record.message for record in caplog.records] == [told]) is overruled
    assert os.environ.get("COUNTERPOINT_ROOT") == variables.get("COUNTERPOINT_ROOT")
