"""`counterpoint build`: writes the files that an existing installation of an orchestrator needs for a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from counterpoint.cli.environments import ORCHESTRATORS, reexec
from counterpoint.cli.output import answer, echo
from counterpoint.cli.run import PIPELINE, configuration_from, setting_options, settings

if TYPE_CHECKING:
    import argparse

    from counterpoint.adapter import Adapter
    from counterpoint.build import Build, Difference

HELP = "write the files that an orchestrator's existing installation needs for a pipeline"
EXAMPLE = """\
counterpoint build streamrec --target airflow --out deploy/airflow
counterpoint build streamrec --target dagster --out deploy/dagster --diff"""
_DIFFERENT = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """The pipeline, the orchestrator, and the folder."""
    parser.add_argument("pipeline", metavar="PIPELINE", help=PIPELINE)
    parser.add_argument(
        "--target", required=True, metavar="T", choices=ORCHESTRATORS, help="an orchestrator, see 'doctor'"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the files; made if missing")
    parser.add_argument("--image", metavar="NAME", help="container image of the workers; default PROJECT:VERSION")
    setting_options(parser)
    parser.add_argument("--force", action="store_true", help="overwrite files that were changed by hand")
    parser.add_argument(
        "--diff", action="store_true", help="print what would change and write nothing; exit code 4 if anything would"
    )


def run(args: argparse.Namespace) -> int:
    """Writes the files, or shows what would change."""
    code = reexec(args.target, args.argv)
    if code is not None:
        return code
    from counterpoint.adapter import find_adapter
    from counterpoint.build import changes, rendered, write

    adapter = find_adapter(args.target)
    texts = rendered(adapter, build_of(args, adapter))
    made = changes(args.out, texts) if args.diff else write(args.out, texts, force=args.force)
    if args.json:
        files = [{"path": item.path, "change": item.change.value} for item in made]
        answer({"folder": str(args.out.absolute()), "files": sorted(texts), "changes": files, "written": not args.diff})
    else:
        _tell(args, made, len(texts))
    return _DIFFERENT if args.diff and made else 0


def _tell(args: argparse.Namespace, made: list[Difference], count: int) -> None:
    if args.diff:
        for difference in made:
            for line in difference.lines:
                echo(line)
        return
    for difference in made:
        echo(f"{difference.change.value}: {args.out / difference.path}")
    echo(f"{args.out}: {count} files, {len(made)} changed; the next steps are in {args.out / 'README.md'}")


def build_of(args: argparse.Namespace, adapter: Adapter) -> Build:
    """What a command line asks to build."""
    from counterpoint.build import Build, project_of
    from counterpoint.commands import command
    from counterpoint.runtime.external import check_external
    from counterpoint.runtime.registry import find_pipeline

    check_external(find_pipeline(args.pipeline))
    configuration = configuration_from(args, args.pipeline)
    project = project_of(args.pipeline, f"counterpoint-{adapter.name}", adapter.distribution)
    image = ("--image", args.image) if args.image else ()
    words = ("build", args.pipeline, "--target", args.target, "--out", str(args.out), *image)
    # where an environment says the root, the command must not: files that two machines build are alike
    named = args.environment is not None and args.root == args.environment.root
    words += ("--env", args.environment.name) if named else ()
    return Build(
        pipeline=find_pipeline(args.pipeline).configured(configuration.settings),
        reference=args.pipeline,
        configuration=configuration,
        project=project,
        image=args.image or f"{project.name}:{project.version}",
        command=command(*words, root=None if named else configuration.root, config=settings(args)),
    )
