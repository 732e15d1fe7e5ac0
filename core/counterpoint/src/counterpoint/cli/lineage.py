"""`counterpoint lineage`: where a run or a registered model came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import answer

if TYPE_CHECKING:
    import argparse

HELP = "the PipelineRunMetadata of a run or a model, as JSON"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run or the model."""
    parser.add_argument("subject", metavar="RUN_OR_MODEL", help="a run id, or a registered model: name or name/version")


def run(args: argparse.Namespace) -> int:
    """Prints the metadata; it is the answer itself, so it goes to stdout always."""
    from counterpoint.lineage import find_lineage
    from counterpoint.services.sites import absolute

    answer(find_lineage(absolute(args.root), args.subject))
    return 0
