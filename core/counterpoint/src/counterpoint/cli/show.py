"""`counterpoint show`: describes a pipeline as text, Mermaid or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo
from counterpoint.cli.run import PIPELINE

if TYPE_CHECKING:
    import argparse

DECLARE = "list the modules in code=(...) of the step; until then its whole package counts as its code"
HELP = "describe a pipeline: steps, inputs with windows, stages, policies, critical path"
EXAMPLE = "counterpoint show streamrec --format mermaid"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline and the format."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument("--format", choices=("text", "mermaid", "json"), default="text", help="default text")


def run(args: argparse.Namespace) -> int:
    """Prints the description."""
    from counterpoint.model.code import unfollowed
    from counterpoint.model.render import as_json, as_mermaid, as_text
    from counterpoint.runtime.registry import find_pipeline

    pipeline = find_pipeline(args.pipeline)
    if args.json or args.format == "json":
        answer({**as_json(pipeline), "unfollowed": unfollowed(pipeline)})
    elif args.format == "mermaid":
        echo(as_mermaid(pipeline).rstrip())
    else:
        echo("\n".join([as_text(pipeline).rstrip(), *_unfollowed(unfollowed(pipeline))]))
    return 0


def _unfollowed(places: list[dict[str, Any]]) -> list[str]:
    """The lines on places in the code that cannot be followed."""
    lines = [f"  {p['file']}:{p['line']}: {p['text']} {p['why']} ({', '.join(p['steps'])})" for p in places]
    return [f"code that cannot be followed: {DECLARE}", *lines] if lines else []
