"""`counterpoint lineage`: the code, data and settings behind a run or a registered model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from counterpoint.cli.output import answer

if TYPE_CHECKING:
    import argparse

HELP = "print the lineage of a run or a registered model, as JSON"
EXAMPLE = "counterpoint lineage streamrec-ranking/3"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run or the model."""
    parser.add_argument(
        "subject", metavar="RUN_OR_MODEL", help="a run id, or a registered model as NAME or NAME/VERSION"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the metadata; it is the answer itself, so it goes to stdout always."""
    from counterpoint.lineage import find_lineage
    from counterpoint.services.service_environments import absolute

    answer(find_lineage(absolute(args.root), args.subject))
    return 0
