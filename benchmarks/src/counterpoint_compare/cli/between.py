"""`counterpoint compare --against` and `--merge`: compares or merges existing reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo, say, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence


def arguments(group: argparse._MutuallyExclusiveGroup) -> None:
    """The options that read existing reports instead of running a pipeline."""
    group.add_argument(
        "--against",
        nargs="+",
        type=Path,
        metavar=("OLD", "NEW"),
        help="compare two results.json; NEW defaults to the one in --out, where the answer is also written",
    )
    group.add_argument(
        "--merge", nargs="+", type=Path, metavar="RESULTS", help="merge results.json of several machines into --out"
    )


def run(args: argparse.Namespace, default: Path) -> int:
    """Compares or merges reports; `default` is the folder of a report if none is named."""
    return _against(args, default) if args.against else _merge(args)


def _against(args: argparse.Namespace, default: Path) -> int:
    """Compares two reports; 4 when data differ or a figure is significantly worse."""
    from counterpoint.errors import DifferenceError, UsageError
    from counterpoint_compare.regression import against, differs, write_against
    from counterpoint_compare.reports import read_results

    if len(args.against) > 2:  # noqa: PLR2004 - an old and a new one
        raise UsageError(f"--against {' '.join(map(str, args.against))}: name one or two reports: OLD, or OLD and NEW")
    old, new = (*args.against, args.out or default)[:2]
    comparison = against(read_results(old), read_results(new))
    if args.json:
        answer(comparison)
    _print_comparison(comparison, beside=args.json)
    if args.out:
        say(f"page: {write_against(comparison, args.out)}")
    return DifferenceError.exit_code if differs(comparison) else 0


def _merge(args: argparse.Namespace) -> int:
    """Merges; 4 when data differ between machines or sides."""
    from counterpoint.errors import DifferenceError, UsageError
    from counterpoint_compare.merge import merge, write_merged
    from counterpoint_compare.reports import read_results

    if args.out is None:
        raise UsageError("--merge writes a new report: name its folder with --out DIR")
    written = (args.out / "results.json").resolve()
    for path in args.merge:
        if written in {path.resolve(), (path / "results.json").resolve()}:
            raise UsageError(f"--out {args.out} would overwrite {path}: name another folder")
    merged = merge({str(path): read_results(path) for path in args.merge})
    page = write_merged(merged, args.out)
    if args.json:
        answer(merged)
    _print_merged(merged, beside=args.json)
    say(f"report: {page}")
    return 0 if merged["equal"] else DifferenceError.exit_code


def _print_merged(merged: Mapping[str, Any], *, beside: bool) -> None:
    rows = [
        (ratio["title"], f"{ratio['side']} / {ratio['to']}", len(ratio["on"]), *_median_and_range(ratio))
        for ratio in merged["ratios"]
    ]
    table(
        "Ratios across machines",
        ("figure", "side / reference", "machines", "median ratio", "range"),
        rows,
        beside=beside,
    )
    echo(f"machines: {'; '.join(machine['name'] for machine in merged['machines'])}", beside=beside)
    echo(
        "data: equal on all machines" if merged["equal"] else "data: DIFFERENT, see 'outputs' in results.json",
        beside=beside,
    )


def _median_and_range(ratio: Mapping[str, Any]) -> tuple[str, str]:
    from counterpoint_compare.charts import shown

    median, low, high = (shown(ratio[key], "") for key in ("median", "low", "high"))
    return median, f"{low} – {high}"


def _print_comparison(comparison: Mapping[str, Any], *, beside: bool) -> None:
    digests = comparison["digests"]
    if digests["differing"]:
        rows = [(row["date"], row["step"], _short(row["old"]), _short(row["new"])) for row in digests["differing"]]
        table("Outputs that differ", ("date", "step", "old", "new"), rows, beside=beside)
    changes = [(change["what"], change["old"], change["new"]) for change in comparison["changes"]]
    if changes:
        table("Changed conditions", ("condition", "old", "new"), changes, beside=beside)
    table(
        "Measurements",
        ("figure", "side", "old", "new", "new/old", "verdict"),
        map(_figure, comparison["figures"]),
        beside=beside,
    )
    for exclusion in comparison["left_out"]:
        echo(f"not compared: {exclusion['what']}: {exclusion['reason']}", beside=beside)
    different = f"{len(digests['differing'])} of {digests['compared']} outputs"
    echo("data: equal" if digests["equal"] else f"data: DIFFERENT, {different}", beside=beside)
    if comparison["same_machine"]:
        echo(f"significant changes: {comparison['worse']} worse, {comparison['better']} better", beside=beside)
    else:
        echo("different machines: only ratios between sides of the same report are compared", beside=beside)


def _figure(row: Mapping[str, Any]) -> Sequence[str]:
    from counterpoint_compare.charts import shown

    unit = row["unit"]
    side = f"{row['side']} / {row['to']}" if row["to"] else row["side"]
    verdict = f"{row['verdict']} ({row['reason']})" if row["reason"] else row["verdict"]
    return (
        row["title"],
        side,
        *(_interval(row[report], unit) for report in ("old", "new")),
        shown(row["ratio"], ""),
        verdict,
    )


def _interval(summary: Mapping[str, Any], unit: str) -> str:
    from counterpoint_compare.charts import shown

    bounds = f" ({shown(summary['low'], unit)} – {shown(summary['high'], unit)})" if summary["rounds"] > 1 else ""
    return shown(summary["median"], unit) + bounds


def _short(digests: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(digest[7:19] for digest in digests.values())) or "-"
