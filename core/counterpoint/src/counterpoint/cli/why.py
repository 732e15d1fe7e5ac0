"""`counterpoint why`: the root cause of a failed run, and the command that reruns only the failed part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.cli.output import answer, echo

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from counterpoint.diagnosis.asking import Told
    from counterpoint.diagnosis.evidence import Evidence
    from counterpoint.diagnosis.find import Place
    from counterpoint.storage.objects import Objects
    from counterpoint.target import DeploymentTarget

HELP = "explain the root cause of a failed run, and how to rerun only the failed part"
EXAMPLE = "counterpoint why streamrec@january"
_LOG_LINES = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """The run, or the version of a backfill."""
    parser.add_argument(
        "subject",
        metavar="RUN",
        help="a run id, the orchestrator's own run id (or its first 8 characters), or PIPELINE@TAG",
    )


class _HandedOverError(Exception):
    """The command was run in the orchestrator's own environment, and ended there with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


def run(args: argparse.Namespace) -> int:
    """Prints the causes; returns 0 also when no step failed."""
    try:
        explanation = _explained(args)
    except _HandedOverError as error:
        return error.code
    if args.json:
        answer(explanation)
    else:
        echo("\n".join(_lines(explanation)))
    return 0


def _explained(args: argparse.Namespace) -> dict[str, Any]:
    from counterpoint.cli.targets import target_of_environment
    from counterpoint.diagnosis import explain
    from counterpoint.diagnosis.asking import ask_service
    from counterpoint.services.service_environments import absolute, running_target
    from counterpoint.storage.objects import Objects

    def ask(evidence: Evidence) -> Told | None:
        request = evidence.request
        if evidence.target or running_target(request.root, request.orchestrator):
            _hand_over(request.orchestrator, args.argv)
        return ask_service(evidence)

    root = absolute(args.root)
    target = target_of_environment(args, root)
    pipeline, mark, tag = args.subject.rpartition("@")
    if mark:
        from counterpoint.diagnosis.backfills import explain_backfill

        return explain_backfill(root, pipeline, tag, ask, target)
    objects = Objects(root)
    return explain(objects, _place_of(objects, args, target), ask, target)


def _place_of(objects: Objects, args: argparse.Namespace, target: DeploymentTarget | None) -> Place:
    """The run by its records, else one that the team's server began and whose worker has recorded nothing."""
    from counterpoint.diagnosis import find_run
    from counterpoint.diagnosis.asking import find_there
    from counterpoint.errors import UsageError

    try:
        return find_run(objects, args.subject)
    except UsageError:
        if target is None:
            raise
        _hand_over(target.kind, args.argv)
        if (place := find_there(target, args.subject)) is None:
            raise
        return place


def _hand_over(orchestrator: str, argv: list[str]) -> None:
    """Ends this command if the environment of an orchestrator is another one, where it is then run."""
    from counterpoint.cli.environments import reexec

    code = reexec(orchestrator, argv)
    if code is not None:
        raise _HandedOverError(code)


def _lines(explanation: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the answer as text."""
    name = explanation["run_id"] or f"{explanation['pipeline']}@{explanation['version']}"
    yield f"{name}: {explanation['status']}"
    for cause in explanation["causes"]:
        yield from ("", *_cause(cause))
    if not explanation["causes"]:
        yield "no step failed"
    yield from (f"not promoted by the gate: {model['model']}: {model['reason']}" for model in explanation["held"])
    for step, decisions in explanation.get("approvals", {}).items():
        yield from (f"step {step}: {_decision(decision)}" for decision in decisions)
    if explanation["skipped"]:
        yield f"skipped: {', '.join(explanation['skipped'])}"
    yield ""
    yield from (
        f"{word} {explanation[key]}" for word, key in (("redo:", "redo"), ("page:", "page")) if explanation[key]
    )


def _decision(told: Mapping[str, Any]) -> str:
    verb, reason = "approved" if told["approved"] else "rejected", f": {told['reason']}" if told["reason"] else ""
    place = f" on {told['host']}" if told["host"] else ""
    return f"{verb} by {told['by']} ({told['login']}{place}, {told['via']}) at {told['at'][:19]}Z{reason}"


def _cause(cause: Mapping[str, Any]) -> Iterator[str]:
    error, outer = cause["error"], cause["raised_as"]
    yield f"{error['type']}: {error['message']}"
    if error["where"]:
        yield f"  at {error['where']}"
    if outer:
        yield f"  raised as {outer['type']}: {outer['message']} ({outer['where']})"
    yield f"  step {cause['step'] or '(none: the run itself)'}{_which(cause)}, {_attempt(cause)}"
    yield f"  {cause['failure']}: {cause['meaning']} {cause['severity'] or 'no alert'}, for {cause['told']};" + (
        " retried automatically" if cause["again"] else " not retried"
    )
    for attempt in cause["earlier"]:
        text = f"{attempt['type']}: {attempt['message']} ({attempt['where']})"
        yield f"  attempt {attempt['attempt']} at {attempt['at']}: {text}"
    yield from (f"  input {name}: {_reference(reference)}" for name, reference in cause["inputs"].items())
    yield from (f"  | {line}" for line in cause["log"][-_LOG_LINES:])
    for word, key in (("not run as a result:", "not_run"), ("blocked:", "blocked")):
        if cause[key]:
            yield f"  {word} {', '.join(cause[key])}"
    yield f"  what to do: {cause['runbook']}"


def _which(cause: Mapping[str, Any]) -> str:
    elements = f"[{', '.join(map(str, cause['elements']))}]" if cause["elements"] else ""
    return f"{elements} of {', '.join(cause['partitions'])}" if cause["partitions"] else elements


def _attempt(cause: Mapping[str, Any]) -> str:
    number = f"attempt {cause['attempt']} of {cause['attempts']}" if cause["attempt"] else "attempt unknown"
    at = f" at {cause['at']}" if cause["at"] else ""
    return f"{number}{at}, reported by {'its worker' if cause['told_by'] == 'worker' else cause['told_by']}"


def _reference(reference: Any) -> str:
    if not isinstance(reference, dict):
        return "none" if reference is None else f"{len(reference)} outputs: {'; '.join(map(_reference, reference))}"
    version = "" if reference["table_version"] is None else f"@{reference['table_version']}"
    rows = "" if reference["rows"] is None else f", {reference['rows']} rows"
    return f"{reference['uri']}{version}{rows}, {reference['digest']}"
