"""What is not as it was recorded, in the order in which it explains another result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.reproduction.report import KINDS, Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = dict[str, Any]


def differences(lineage: Mapping[str, Any], answer: Json) -> list[Difference]:
    """What the process that made it again saw to be other than recorded.

    Args:
        lineage: What was recorded.
        answer: What the process told.

    Returns:
        All differences, in the order of `KINDS`; of packages those first that the code of the steps imports.
    """
    every = (*_code(lineage, answer), *_data(lineage, answer), *_configuration(lineage, answer))
    unique = dict.fromkeys((*every, *_packages(lineage, answer), *_machine(lineage, answer)))
    return sorted(unique, key=lambda difference: KINDS.index(difference.kind))


def _steps(answer: Json) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in answer["targets"]))


def _code(lineage: Mapping[str, Any], answer: Json) -> Iterator[Difference]:
    before, now = lineage.get("sources", {}), answer["sources"]
    for step in _steps(answer):
        if step not in lineage.get("reach", {}):
            continue
        reached = [set(side["reach"].get(step, {}).get("modules", ())) for side in (lineage, answer)]
        for module in sorted(reached[0] | reached[1]):
            left = before.get(module) if module in reached[0] else None
            right = now.get(module) if module in reached[1] else None
            yield from changed_functions(module, left, right)


def changed_functions(module: str, left: Json | None, right: Json | None) -> Iterator[Difference]:
    """The functions in which two states of a module differ; the module, where it is no function of it."""
    digests = [source["digest"] if source else None for source in (left, right)]
    if digests[0] == digests[1]:
        return
    functions = [source["functions"] if source else {} for source in (left, right)]
    names = [n for n in sorted({*functions[0], *functions[1]}) if functions[0].get(n) != functions[1].get(n)]
    if left is None or right is None or not names:
        what = f"{module} (comments, texts or layout)" if left and right and functions[0] else module
        yield Difference("code", what, *digests)
        return
    for name in names:
        yield Difference("code", f"{module}.{name}", functions[0].get(name), functions[1].get(name))


def _data(lineage: Mapping[str, Any], answer: Json) -> Iterator[Difference]:
    for named, digest in answer["changed"]:
        yield Difference("data", named, digest, "other content")
    recorded = lineage.get("made_from", {})
    for name, now in answer["outside"].items():
        before = recorded.get(name, {}).get("outside")
        if before is not None and before != now:
            yield Difference("data", f"what {name} reads from outside", before, now)
    for output in answer["outputs"]:
        inputs = (output["made_from"] or {}).get("inputs", {})
        for parameter, digest in recorded.get(output["name"], {}).get("inputs", {}).items():
            if output["made_from"] and inputs.get(parameter) != digest:
                yield Difference("data", f"input {parameter} of {output['name']}", digest, inputs.get(parameter))


def _configuration(lineage: Mapping[str, Any], answer: Json) -> Iterator[Difference]:
    for name in answer["settings_gone"]:
        yield Difference("configuration", name, "set", None)
    for output in answer["outputs"]:
        recorded = lineage.get("made_from", {}).get(output["name"])
        if not recorded or not output["made_from"]:
            continue
        hashes = recorded["settings_hash"], output["made_from"]["settings_hash"]
        settings = recorded["settings"].items()
        changed = [(name, digest) for name, digest in settings if answer["settings"].get(name) != digest]
        for name, digest in changed:
            yield Difference("configuration", name, digest, answer["settings"].get(name))
        if hashes[0] != hashes[1] and not changed:
            masked = ", ".join(answer["masked"])
            what = f"a setting of {output['name']}" + (f" that is a secret ({masked})" if masked else "")
            yield Difference("configuration", what, *hashes)


def _packages(lineage: Mapping[str, Any], answer: Json) -> Iterator[Difference]:
    python = lineage["environment"]["python"], answer["environment"]["python"]
    imported = [set(side.get("reach", {}).get(step, {}).get("versions", ())) for side in (lineage, answer)
                for step in _steps(answer)]  # fmt: skip
    first = {_plain(name) for names in imported for name in names}
    before, now = ({_plain(n): (n, v) for n, v in side["packages"].items()} for side in (lineage, answer))
    names = [n for n in before.keys() | now.keys() if before.get(n, n)[1:] != now.get(n, n)[1:]]
    if python[0] != python[1]:
        yield Difference("package", "Python", *python)
    for name in sorted(names, key=lambda each: (each not in first, each)):
        called = (before.get(name) or now[name])[0]
        yield Difference("package", called, before[name][1] if name in before else None,
                         now[name][1] if name in now else None)  # fmt: skip


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _machine(lineage: Mapping[str, Any], answer: Json) -> Iterator[Difference]:
    before, now = lineage["environment"], answer["environment"]
    for name in ("system", "processor", "cores"):
        if before[name] != now[name]:
            yield Difference("machine", name, str(before[name]), str(now[name]))
    for output in answer["outputs"]:
        recorded, device = before.get("devices", {}).get(output["name"].partition(".")[0]), output["device"]
        if recorded and device and (recorded["kind"], recorded["names"]) != (device["kind"], device["names"]):
            yield Difference("machine", f"device of {output['name']}", _device(recorded), _device(device))


def _device(told: Json) -> str:
    return " ".join([told["kind"], *told["names"]])
