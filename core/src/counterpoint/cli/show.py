"""`counterpoint show`: a pipeline as text, Mermaid or JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from counterpoint.cli.output import answer

if TYPE_CHECKING:
    import argparse

HELP = "steps, inputs with windows, parallel stages, policies, critical path"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline and the format."""
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument("--format", choices=("text", "mermaid", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    """Prints the description; it is the answer itself, so it goes to stdout in every format."""
    from counterpoint.model.render import as_json, as_mermaid, as_text
    from counterpoint.running.known import find_pipeline

    pipeline = find_pipeline(args.pipeline)
    if args.json or args.format == "json":
        answer(as_json(pipeline))
    else:
        sys.stdout.write((as_mermaid if args.format == "mermaid" else as_text)(pipeline).rstrip() + "\n")
    return 0
