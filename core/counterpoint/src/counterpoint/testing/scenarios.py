"""Small real pipelines, one for each feature that an orchestrator must support, and the expected end of their steps.

Each pipeline is an object of this module, or of its scenario's module, so that every process of an orchestrator can
import it by `counterpoint.testing.scenarios:NAME`. `SCENARIOS` has them with their expectations. Step names are unique
across all of them, so that one service environment can serve all.
"""

from __future__ import annotations

from datetime import timedelta

from counterpoint.model import (
    Output,
    OutputKind,
    PartitionKind,
    Partitions,
    Pipeline,
    Pool,
    RetryPolicy,
    Schedule,
    Status,
    TriggerRule,
    When,
    WindowPolicy,
    marker,
    windowed,
)
from counterpoint.testing import borders, grouping, needs, trigger_rules, zones
from counterpoint.testing.naming import FUNCTIONS, named
from counterpoint.testing.scenario import RAN, SKIPPED, UNREACHED, Scenario, all_ran

_METRICS = Output(OutputKind.METRICS)
_TABLE = Output(OutputKind.TABLE)
_ANYWAY = TriggerRule.ALL_DONE
# Airflow waits a second at least
_SOON = timedelta(seconds=1)


linear = Pipeline(
    "linear",
    description="One step after the other; the last one waits without reading.",
    schedule=Schedule("0 2 * * *"),
    deadline=timedelta(hours=2),
    retain="90d",
    config={"offset": 7},
    steps=(
        named("linear_numbers", "numbers", description="The first one."),
        named("linear_total", "total", inputs={"numbers": "linear_numbers"}, freshness=timedelta(hours=26)),
        named("linear_mean", "mean", inputs={"value": "linear_total"}, output=_METRICS),
        named("linear_slow", "slowly", inputs={"numbers": "linear_numbers"}, after=("linear_mean",)),
        named("linear_last", "constant", after=("linear_slow",)),
    ),
)

diamond = Pipeline(
    "diamond",
    description="Two branches that meet again, hour by hour.",
    partitions=Partitions(PartitionKind.HOURLY, "2025-01-01T00"),
    schedule=Schedule("5 * * * *"),
    config={"offset": 1},
    steps=(
        named("diamond_top", "numbers"),
        named("diamond_left", "total", inputs={"numbers": "diamond_top"}),
        named("diamond_right", "doubled", inputs={"numbers": "diamond_top"}),
        named("diamond_bottom", "joined", inputs={"left": "diamond_left", "right": "diamond_right"}),
    ),
)

fan_out = Pipeline(
    "fan_out",
    description="Four steps at once, of which the pool lets two work, month by month.",
    partitions=Partitions(PartitionKind.MONTHLY, "2025-01"),
    pools=(Pool("narrow", 2), Pool("wide", 8)),
    config={"offset": 10, "folder": ""},
    steps=(
        named("fan_source", "constant", pool="wide"),
        *(named(f"fan_{letter}", f"pooled_{letter}", pool="narrow") for letter in "abcd"),
        named("fan_in", "gathered", inputs={letter: f"fan_{letter}" for letter in "abcd"}),
    ),
)

condition_false = Pipeline(
    "condition_false",
    description="A branch with one path not taken; the steps on that path are skipped.",
    config={"offset": 3},
    steps=(
        named("branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        named("when_large", "constant", when=When("branch", "large")),
        named("when_small", "constant", when=When("branch", "small")),
        named("after_small", "mean", inputs={"value": "when_small"}, output=_METRICS),
        named(
            "either",
            "joined",
            inputs={"left": "when_large", "right": "when_small"},
            trigger_rule=TriggerRule.NONE_FAILED,
        ),
    ),
)

all_done_trigger = Pipeline(
    "all_done_trigger",
    description="A step that runs whether or not its upstream steps succeeded, beside steps that do not.",
    config={"offset": 2},
    steps=(
        named("done_well", "constant"),
        named("done_badly", "fails", inputs={"value": "done_well"}),
        named("done_never", "mean", inputs={"value": "done_badly"}, output=_METRICS),
        named(
            "done_strictly",
            "joined",
            inputs={"left": "done_well", "right": "done_badly"},
            trigger_rule=TriggerRule.NONE_FAILED,
        ),
        named(
            "done_anyway",
            "joined",
            inputs={"left": "done_badly", "right": "done_never"},
            trigger_rule=TriggerRule.ALL_DONE,
        ),
        named("done_after", "joined", inputs={"left": "done_anyway", "right": "done_well"}),
    ),
)

retry_then_success = Pipeline(
    "retry_then_success",
    description="A step that fails twice and then succeeds; its waits grow up to their limit.",
    config={"offset": 5, "folder": ""},
    steps=(
        named("heals", "fails_twice", retry=RetryPolicy(3, timedelta(seconds=2), timedelta(seconds=3))),
        named("healed", "mean", inputs={"value": "heals"}, output=_METRICS),
        # without its limit the last of these waits would take 32 s
        named("patient", "fails_six_times", retry=RetryPolicy(6, _SOON, _SOON)),
    ),
)

retry_exhausted = Pipeline(
    "retry_exhausted",
    description="A step that fails at every attempt, and one with an error that must not be retried.",
    config={"offset": 6, "folder": ""},
    steps=(
        named("hopeless", "fails_always", retry=RetryPolicy(1, _SOON, timedelta(seconds=4), jitter=0.1)),
        named("permanent", "fails_for_good", retry=RetryPolicy(1, _SOON)),
        named("unreached", "joined", inputs={"left": "hopeless", "right": "permanent"}),
    ),
)

timeout = Pipeline(
    "timeout",
    description="A step that times out in C code, two whose second attempt succeeds, and one that ends in time.",
    config={"offset": 8, "folder": ""},
    steps=(
        named("endless", "endless", timeout=timedelta(seconds=2)),
        named("slow_once", "too_slow_at_first", timeout=timedelta(seconds=3), retry=RetryPolicy(1, _SOON)),
        named("killed_once", "killed_at_first", timeout=timedelta(minutes=2), retry=RetryPolicy(1, _SOON)),
        named("in_time", "constant", timeout=timedelta(minutes=2)),
        named("too_late", "mean", inputs={"value": "endless"}, output=_METRICS),
    ),
)

window = Pipeline(
    "window",
    description="Steps that read several days of a table: by partial aggregates, and the days before alone.",
    partitions=Partitions(start="2026-01-01", incomplete=WindowPolicy.SHRINK),
    steps=(
        named("window_events", "events", output=_TABLE),
        named(
            "window_sums",
            "window_counts",
            inputs={"days": windowed("window_events", "t-2..t", partial=f"{FUNCTIONS}:counts")},
        ),
        named("window_before", "window_rows", inputs={"days": windowed("window_events", "t-2..t-1")}),
    ),
)

mapped = Pipeline(
    "mapped",
    description="Steps that run once per element: of an output, and of a setting.",
    config={"offset": 4, "factor": [2, 3]},
    steps=(
        named("map_numbers", "numbers"),
        named("map_each", "squared", inputs={"number": "map_numbers"}, map_over="number"),
        named("map_factors", "scaled", inputs={"numbers": "map_each"}, map_over="factor"),
        named("map_total", "total", inputs={"numbers": "map_factors"}),
    ),
)

mapped_partly = Pipeline(
    "mapped_partly",
    description="Seven elements, one fails for good and one at first: the step has failed, six elements are published.",
    config={"number": [1, 2, 3, 4, 5, 6, 7], "folder": ""},
    steps=(
        named("partly_each", "element", map_over="number", retry=RetryPolicy(1, _SOON)),
        named("partly_never", "doubled", inputs={"numbers": "partly_each"}),
        named("partly_after", "doubled", inputs={"numbers": "partly_never"}),
    ),
)

repeated = Pipeline(
    "repeated",
    description="A pipeline that is run again: unchanged, forced, and owned by another side.",
    config={"offset": 9, "folder": ""},
    steps=(
        named("repeated_first", "counted_first"),
        named("repeated_last", "counted_last", inputs={"value": "repeated_first"}),
    ),
)

late_marker = Pipeline(
    "late_marker",
    description="A step that waits for a marker that appears some checks later.",
    config={"offset": 11, "folder": ""},
    steps=(
        named("marker_before", "before_marker"),
        named(
            "marker_waits",
            "constant",
            after=("marker_before",),
            waits=(marker("late/marker/{partition}", poll=_SOON, timeout=timedelta(minutes=5)),),
        ),
    ),
)

in_vain = Pipeline(
    "in_vain",
    description="A step that waits for a marker that never appears, one skipped after it, and one that runs anyway.",
    config={"offset": 3},
    steps=(
        named("vain_before", "constant"),
        named(
            "vain_waits",
            "constant",
            after=("vain_before",),
            waits=(marker("no/such/marker/{partition}", poll=_SOON, timeout=2 * _SOON),),
            retry=RetryPolicy(1, _SOON),
        ),
        named("vain_never", "mean", inputs={"value": "vain_waits"}, output=_METRICS),
        named(
            "vain_anyway",
            "joined",
            inputs={"left": "vain_before", "right": "vain_waits"},
            trigger_rule=TriggerRule.ALL_DONE,
        ),
    ),
)

effects = Pipeline(
    "effects",
    description="Steps with external effects: one after a failure, which gets its outcomes, and one without an output.",
    config={"offset": 3, "folder": ""},
    steps=(
        named("effect_before", "constant"),
        named("effect_fails", "fails", inputs={"value": "effect_before"}),
        named("effect_never", "mean", inputs={"value": "effect_fails"}, output=_METRICS),
        named(
            "effect_told",
            "told",
            after=("effect_never",),
            effect=True,
            trigger_rule=TriggerRule.ALL_DONE,
            retry=RetryPolicy(1, _SOON),
        ),
        named("effect_sent", "sent", after=("effect_before",)),
    ),
)

hidden_failure = Pipeline(
    "hidden_failure",
    description="A step and an element that fail before final steps that run anyway or are skipped.",
    config={"offset": 3},
    steps=(
        named("hidden_numbers", "numbers"),
        named("hidden_branch", "chosen", output=Output(OutputKind.BRANCH, choices=("large", "small"))),
        named("hidden_fails", "fails", inputs={"value": "hidden_branch"}),
        named("hidden_each", "fails", inputs={"value": "hidden_numbers"}, map_over="value"),
        named("hidden_small", "constant", after=("hidden_fails",), when=When("hidden_branch", "small")),
        named("hidden_end", "constant", after=("hidden_each",), trigger_rule=_ANYWAY),
    ),
)

held_effects = Pipeline(
    "held_effects",
    description="Steps with external effects, in a run without effects.",
    config={"folder": ""},
    steps=(
        named("held_sent", "sent"),
        named("held_after", "sent", after=("held_sent",)),
        named("held_anyway", "joined", inputs={"left": "held_sent", "right": "held_after"}, trigger_rule=_ANYWAY),
    ),
)

SCENARIOS = (
    Scenario("linear", "2026-01-03", all_ran(linear)),
    Scenario("diamond", "2026-01-03T05", all_ran(diamond)),
    Scenario("fan_out", "2026-02", all_ran(fan_out), evidence="folder"),
    Scenario("condition_false", "2026-01-03", all_ran(condition_false, when_small=SKIPPED, after_small=SKIPPED)),
    Scenario(
        "all_done_trigger",
        "2026-01-03",
        all_ran(
            all_done_trigger,
            done_badly=(Status.FAILED, 1),
            done_never=UNREACHED,
            done_strictly=UNREACHED,
        ),
        errors={"done_badly": "RuntimeError"},
    ),
    Scenario(
        "one_success",
        "2026-01-03",
        all_ran(
            trigger_rules.one_success,
            one_small=SKIPPED,
            one_little=SKIPPED,
            one_fails=(Status.FAILED, 1),
            one_skipped=SKIPPED,
            one_never=UNREACHED,
        ),
        errors={"one_fails": "RuntimeError"},
        module=trigger_rules.__name__,
    ),
    Scenario(
        "min_one_success",
        "2026-01-03",
        all_ran(
            trigger_rules.min_one_success,
            min_small=SKIPPED,
            min_little=SKIPPED,
            min_fails=(Status.FAILED, 1),
            min_skipped=SKIPPED,
            min_never=UNREACHED,
            min_after=SKIPPED,
        ),
        errors={"min_fails": "RuntimeError"},
        module=trigger_rules.__name__,
    ),
    Scenario(
        "retry_then_success",
        "2026-01-03",
        all_ran(retry_then_success, heals=(Status.SUCCESS, 3), patient=(Status.SUCCESS, 7)),
        evidence="folder",
    ),
    Scenario(
        "retry_exhausted",
        "2026-01-03",
        {"hopeless": (Status.FAILED, 2), "permanent": (Status.FAILED, 1), "unreached": UNREACHED},
        errors={"hopeless": "RuntimeError", "permanent": "SourceError"},
        evidence="folder",
    ),
    Scenario(
        "grouped_wait",
        "2026-01-03",
        grouping.WAITED,
        evidence="folder",
        marker="late/group/2026-01-03",
        module=grouping.__name__,
    ),
    Scenario("grouped_steps", "2026-01-03", grouping.HEALED, evidence="folder", module=grouping.__name__),
    Scenario(
        "grouped_failure", "2026-01-03", grouping.BROKEN, grouping.WHY, evidence="folder", module=grouping.__name__
    ),
    Scenario(
        "timeout",
        "2026-01-03",
        all_ran(
            timeout,
            endless=(Status.FAILED, 1),
            slow_once=(Status.SUCCESS, 2),
            killed_once=(Status.SUCCESS, 2),
            too_late=UNREACHED,
        ),
        errors={"endless": "StepTimeoutError"},
        evidence="folder",
    ),
    Scenario(
        "window",
        "2026-01-03",
        all_ran(window),
        earlier={"2026-01-01": ("window_events",), "2026-01-02": ("window_events",)},
    ),
    Scenario(
        "local_weeks",
        "2026-03-23",
        all_ran(zones.local_weeks),
        earlier={"2026-03-16": ("weeks_hours",)},
        module=zones.__name__,
    ),
    Scenario("across_source", "2026-01-05", all_ran(borders.across_source), module=borders.__name__),
    Scenario(
        "across",
        "2026-01-14",
        all_ran(borders.across),
        module=borders.__name__,
        sources={borders.SOURCE: ("2026-01-05",)},
    ),
    Scenario("mapped", "2026-01-03", all_ran(mapped)),
    Scenario(
        "mapped_partly",
        "2026-01-03",
        {"partly_each": (Status.FAILED, 2), "partly_never": UNREACHED, "partly_after": UNREACHED},
        errors={"partly_each": "RuntimeError"},
        evidence="folder",
        elements={"partly_each": (*[RAN] * 5, (Status.FAILED, 2), (Status.SUCCESS, 2))},
    ),
    Scenario("repeated", "2026-01-03", all_ran(repeated), evidence="folder", repeats=True),
    Scenario(
        "late_marker",
        "2026-01-03",
        all_ran(late_marker),
        evidence="folder",
        marker="late/marker/2026-01-03",
    ),
    Scenario(
        "in_vain",
        "2026-01-03",
        all_ran(in_vain, vain_waits=(Status.FAILED, 1), vain_never=UNREACHED),
        errors={"vain_waits": "MissingInputError"},
    ),
    Scenario(
        "effects",
        "2026-01-03",
        all_ran(effects, effect_fails=(Status.FAILED, 1), effect_never=UNREACHED, effect_told=(Status.SUCCESS, 2)),
        errors={"effect_fails": "RuntimeError"},
        evidence="folder",
    ),
    Scenario(
        "hidden_failure",
        "2026-01-03",
        all_ran(
            hidden_failure,
            hidden_fails=(Status.FAILED, 1),
            hidden_each=(Status.FAILED, 1),
            hidden_small=SKIPPED,
        ),
        errors={"hidden_fails": "RuntimeError", "hidden_each": "RuntimeError"},
    ),
    Scenario(
        "resources",
        "2026-01-03",
        all_ran(
            needs.resources,
            resources_memory=(Status.SUCCESS, 2),
            resources_hopeless=(Status.FAILED, 1),
            resources_never=UNREACHED,
        ),
        errors={"resources_hopeless": "StepMemoryError"},
        evidence="folder",
        module=needs.__name__,
    ),
    Scenario(
        "held_effects",
        "2026-01-03",
        all_ran(held_effects, held_sent=SKIPPED, held_after=SKIPPED),
        evidence="folder",
        effects=False,
        untouched=("sent",),
    ),
)
