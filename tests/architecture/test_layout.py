"""Where everything lies below a root: paths are made in one module, and are the format that roots already have."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

import pytest

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# pipelines as teams write them without Counterpoint: what lies in a lake of theirs is not below a root of ours
THEIRS = "benchmarks/handwritten/src/byhand"
# what takes a path below a root, or joins one onto another
TAKERS = {"list", "folders", "sizes", "sizes_apart", "path", "uri", "delete_folder", "joinpath", "Path"}
DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
# today's format: what a function makes of what it is given
PATHS: list[tuple[Callable[..., str], tuple[object, ...], str]] = [
    (layout.version_folder, ("tables", "v2", "farm"), "tables/v2/farm"),
    (layout.catalog_pipelines, ("v2",), "catalog/v2"),
    (layout.catalog_folder, ("v2", "farm", "milk"), "catalog/v2/farm/milk"),
    (layout.catalog_entry, ("v2", "farm", "milk", "2026-01-03.4"), "catalog/v2/farm/milk/2026-01-03.4.json"),
    (layout.promotion_journal, ("farm",), "catalog/production/farm/.promotion.json"),
    (layout.table_folder, ("v2", "farm", "milk"), "tables/v2/farm/milk"),
    (
        layout.artifact_folder,
        ("v2", "farm", "milk", "2026-01-03", "5e77", DIGEST),
        "artifacts/v2/farm/milk/2026-01-03/5e77-0123456789ab",
    ),
    (layout.artifacts_folder, ("v2", "farm", "milk", "2026-01-03"), "artifacts/v2/farm/milk/2026-01-03"),
    (layout.artifact_file, ("artifacts/v2/farm/milk/d/s", layout.VALUE), "artifacts/v2/farm/milk/d/s/value.json"),
    (layout.dead_letters_table, ("v2", "farm", "milk"), "dead_letters/v2/farm/milk"),
    (layout.checkpoints_folder, ("v2", "farm", "milk"), "checkpoints/v2/farm/milk"),
    (layout.checkpoint, ("v2", "farm", "milk", "2026-01", DIGEST), "checkpoints/v2/farm/milk/2026-01-0123456789abcdef"),
    (layout.effect_record, ("v2", "farm", "milk", "2026-01", "run"), "effects/v2/farm/milk/2026-01/run.json"),
    (layout.resubmitted_senders, ("farm", "milk"), "resubmitted/farm/milk/from"),
    (layout.resubmitted_from, ("farm", "milk", "2026-01"), "resubmitted/farm/milk/from/2026-01.json"),
    (layout.resubmitted_receivers, ("farm", "milk"), "resubmitted/farm/milk/to"),
    (layout.resubmitted_to, ("farm", "milk", "2026-01"), "resubmitted/farm/milk/to/2026-01.json"),
    (layout.resubmitted_rows, ("farm", "milk", "0a1b"), "resubmitted/farm/milk/rows/0a1b.parquet"),
    (
        layout.partials_folder,
        ("farm", "milk", "dairy:sums", DIGEST, DIGEST),
        "partials/farm/milk/dairy.sums/0123456789abcdef0123456789abcdef-0123456789abcdef",
    ),
    (layout.partial_file, ("partials/farm/milk/f/c", "0a1b"), "partials/farm/milk/f/c/0a1b.parquet"),
    (layout.runs_folder, ("farm",), "runs/farm"),
    (layout.run_folder, ("farm", "r-1"), "runs/farm/r-1"),
    (layout.run_record, ("farm", "r-1"), "runs/farm/r-1/run.json"),
    (layout.run_request, ("farm", "r-1"), "runs/farm/r-1/request.json"),
    (layout.run_lineage, ("farm", "r-1"), "runs/farm/r-1/lineage.json"),
    (layout.run_pack, ("runs/farm/r-1",), "runs/farm/r-1/packed-run.json"),
    (layout.run_file, ("runs/farm/r-1", "milk.json"), "runs/farm/r-1/milk.json"),
    (layout.step_record, ("farm", "r-1", "milk"), "runs/farm/r-1/milk.json"),
    (layout.step_record, ("farm", "r-1", "milk", 0), "runs/farm/r-1/milk.0.json"),
    (layout.step_failures, ("farm", "r-1", "milk"), "runs/farm/r-1/milk.failures.json"),
    (layout.step_failures, ("farm", "r-1", "milk", 12), "runs/farm/r-1/milk.12.failures.json"),
    (layout.step_waiting, ("farm", "r-1", "milk"), "runs/farm/r-1/milk.waiting.json"),
    (layout.step_bridged, ("farm", "r-1", "milk"), "runs/farm/r-1/milk.bridged.json"),
    (layout.step_approval, ("farm", "r-1", "milk"), "runs/farm/r-1/milk.approval.json"),
    (layout.step_handed, ("farm", "r-1", "milk"), "runs/farm/r-1/handed/milk.json"),
    (layout.begun_step, ("farm", "2026-01", "milk"), "begun/farm/2026-01/milk.json"),
    (layout.begun_folder, ("farm",), "begun/farm"),
    (layout.native_run, ("farm::manual__1",), "natives/farm::manual__1.json"),
    (layout.backfills_folder, ("farm",), "backfills/farm"),
    (layout.backfill_folder, ("farm", "v2"), "backfills/farm/v2"),
    (layout.backfill_manifest, ("farm", "v2"), "backfills/farm/v2.json"),
    (layout.backfill_states, ("farm", "v2", "2026-01"), "backfills/farm/v2/2026-01.json"),
    (layout.versions_folder, ("farm",), "versions/farm"),
    (layout.version_mark, ("farm", "v2"), "versions/farm/v2.json"),
    (layout.alert_case, ("a1b2",), "alerts/a1b2.json"),
    (layout.alerted_folder, ("farm", "v2", "milk"), "alerted/farm/v2/milk"),
    (layout.alerted_step, ("farm", "v2", "milk", "2026-01.0"), "alerted/farm/v2/milk/2026-01.0.json"),
    (layout.breaker, ("farm", "milk"), "breakers/farm/milk.json"),
    (layout.owner_record, ("farm",), "owners/farm.json"),
    (layout.served_settings, ("farm", "airflow"), "settings/farm/airflow.json"),
    (layout.made_settings, ("farm",), "settings/farm/production.json"),
    (layout.ledger_folder, ("farm",), "ledger/farm"),
    (layout.ledger_pair, ("farm", "airflow-dagster"), "ledger/farm/airflow-dagster"),
    (layout.ledger_date, ("farm", "airflow-dagster", "2026-01"), "ledger/farm/airflow-dagster/2026-01"),
    (layout.ledger_entry, ("farm", "airflow-dagster", "2026-01", "t"), "ledger/farm/airflow-dagster/2026-01/t.json"),
    (layout.services_home, ("airflow",), "services/airflow"),
    (layout.services_home, ("airflow", "bucket-1a"), "services/bucket-1a/airflow"),
    (layout.target_record, ("airflow",), "services/airflow/site.json"),
    (layout.target_record, ("airflow", "bucket-1a"), "bucket-1a/airflow/site.json"),
    (layout.learned_libraries, ("farm",), "services/libraries/farm.json"),
    (layout.read_functions, ("farm",), "services/functions/farm.json"),
    (layout.compared_root, ("airflow",), "compare/airflow"),
    (layout.validated_root, ("airflow",), "validate/airflow"),
    (layout.set_aside, ("begun/farm/d/s.json", ".1"), "damaged/begun/farm/d/s.json.1"),
]
# what is taken apart
PARTS: list[tuple[Callable[[str], object], str, object]] = [
    (layout.name_of, "catalog/v2/farm/milk/2026-01-03.4.json", "2026-01-03.4"),
    (layout.catalog_entry_of, "catalog/v2/farm/milk/2026-01.json", ("v2", "farm", "milk", "2026-01")),
    (layout.catalog_entry_of, "catalog/production/farm/.promotion.json", None),
    (layout.artifacts_folder_of, "artifacts/v2/farm/milk/2026-01/s-c", "artifacts/v2/farm/milk"),
    (layout.artifact_digits_of, "artifacts/v2/farm/milk/2026-01/5e77-0123456789ab", "0123456789ab"),
    (layout.dead_letters_table_of, "dead_letters/v2/farm/milk/_delta_log/0.json", "dead_letters/v2/farm/milk"),
    (layout.dead_letters_table_of, "dead_letters/v2/farm/milk/day=2026-01-03/0.parquet", None),
    (layout.checkpoint_partition_of, "checkpoints/v2/farm/milk/2026-01-0123", "2026-01"),
    (layout.version_of, "tables/v2/farm/milk", "v2"),
    (layout.pipeline_of, "tables/v2/farm/milk", "farm"),
    (layout.in_production, "artifacts/v2/farm/milk/d/s", "artifacts/production/farm/milk/d/s"),
    (layout.run_folder_of, "runs/farm/r-1/milk.json", "runs/farm/r-1"),
    (layout.run_folder_of, "runs/farm/r-1", "runs/farm/r-1"),
    (layout.run_folder_of, "runs/farm", None),
    (layout.run_folder_of, "tables/v2/farm/milk", None),
    (layout.element_of, "runs/farm/r-1/milk.json", ("milk", None)),
    (layout.element_of, "runs/farm/r-1/milk.12.json", ("milk", 12)),
    (layout.element_of, "runs/farm/r-1/milk.failures.json", ("milk", None)),
    (layout.element_of, "runs/farm/r-1/milk.12.failures.json", ("milk", 12)),
    (layout.begun_step_of, "begun/farm/2026-01/milk.json", ("farm", "2026-01", "milk")),
    (layout.native_run_of, "natives/farm::a/b.json", "farm::a/b"),
    (layout.backfill_manifest_of, "backfills/farm/v2.json", ("farm", "v2")),
    (layout.backfill_manifest_of, "backfills/farm/v2/2026-01.json", None),
    (layout.ledger_date_of, "ledger/farm/airflow-dagster/2026-01/t.json", "2026-01"),
    (layout.set_aside_from, "damaged/begun/farm/d/s.json.1", "begun/farm/d/s.json"),
]


@pytest.mark.parametrize(("function", "given", "path"), PATHS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_path_is_what_it_was_in_every_root_so_far(
    function: Callable[..., str], given: tuple[object, ...], path: str
) -> None:
    assert function(*given) == path


@pytest.mark.parametrize(("function", "path", "found"), PARTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_path_is_taken_apart(function: Callable[[str], object], path: str, found: object) -> None:
    assert function(path) == found


def test_every_function_of_the_layout_is_held_to_the_format() -> None:
    held = {function for function, *_ in (*PATHS, *PARTS)}
    public = {value for name, value in inspect.getmembers(layout, inspect.isfunction) if not name.startswith("_")}
    assert {function.__name__ for function in public - held} == set()


def test_every_room_is_known() -> None:
    made = {path.split("/")[0] for function, _, path in PATHS if function is not layout.target_record}
    assert set(layout.ROOMS) == {*made, layout.REGISTRY}


def test_paths_below_a_root_are_made_by_the_layout_alone(root: Path, product: list[Path]) -> None:
    own = root / "core/counterpoint/src/counterpoint/storage/layout.py"
    files = [file for file in product if file != own and not file.is_relative_to(root / THEIRS)]
    found = [f"{file.relative_to(root)}:{line}" for file in files for line in made_by_hand(file.read_text("utf-8"))]
    assert found == []


def made_by_hand(source: str) -> Iterator[int]:
    """The lines at which a path below a root is written out: `room/...`, a room that is joined on, or is listed."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            found = is_below(node.values[0]) if node.values else False
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            found = is_room(node.right)
        elif isinstance(node, ast.Call):
            found = called(node.func) in TAKERS and any(map(is_room, node.args))
        else:
            found = is_below(node)
        if found:
            yield node.lineno  # type: ignore[attr-defined]


def is_below(node: ast.AST) -> bool:
    return text_of(node).startswith(tuple(f"{room}/" for room in layout.ROOMS))


def is_room(node: ast.AST) -> bool:
    return text_of(node) in layout.ROOMS


def text_of(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize(
    "source",
    [
        'store.get("runs/farm/r-1/run.json")',
        'path = f"catalog/{version}/farm"',
        'home = Path(root) / "services" / name',
        'root.joinpath("mlflow", "x")',
        'Path(root, "compare")',
        'store.list("backfills")',
        'read(path) if path.startswith("natives/") else None',
    ],
)
def test_a_path_made_by_hand_is_recognised(source: str) -> None:
    assert set(made_by_hand(source)) == {1}


@pytest.mark.parametrize(
    "source",
    ['f"{url}/runs/{run}"', 'call("/backfills/1")', 'values["runs"]', 'argv = ("compare", name)', 'log / "logs"'],
)
def test_other_texts_are_fine(source: str) -> None:
    assert list(made_by_hand(source)) == []
