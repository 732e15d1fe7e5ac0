"""`counterpoint show`: a pipeline as text, Mermaid or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo

if TYPE_CHECKING:
    import argparse

DECLARE = "declare by code=(...) of the step what it reaches; until then all of its package counts"
HELP = "steps, inputs with windows, parallel stages, policies, critical path"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline and the format."""
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument("--format", choices=("text", "mermaid", "json"), default="text")


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
    """The places whose imports, or files, are not seen."""
    said = [f"  {p['file']}:{p['line']}: {p['text']} {p['why']} ({', '.join(p['steps'])})" for p in places]
    return [f"code that cannot be followed: {DECLARE}", *said] if said else []
