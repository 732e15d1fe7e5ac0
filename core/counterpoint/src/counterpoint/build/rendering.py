"""All files of a build: those of the adapter, and those that are alike for every orchestrator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from counterpoint.adapter import refuse_unsupported
from counterpoint.commands import command
from counterpoint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from counterpoint.adapter import Adapter
    from counterpoint.build.order import Build

REQUIREMENTS, DOCKERFILE, REQUIRED, README = "requirements.txt", "Dockerfile", "required.json", "README.md"
# the scheme of secrets whose values the workers find in variables
_VARIABLE = "env"


def rendered(adapter: Adapter, build: Build) -> dict[str, str]:
    """The text of each file by its path in the folder, sorted; the same build gives the same bytes.

    Raises:
        UsageError: the adapter builds no files.
        UnsupportedError: the orchestrator cannot honour a property of the pipeline.
    """
    refuse_unsupported(adapter.name, adapter.limits, build.pipeline)
    native = adapter.build(build)
    texts = {
        **native.files,
        REQUIREMENTS: _requirements(build),
        DOCKERFILE: _dockerfile(build, native.base_image, native.copied),
        REQUIRED: _json(required(build)),
        README: _readme(adapter, build, native.steps),
    }
    return dict(sorted(texts.items()))


def required(build: Build) -> dict[str, Any]:
    """What must exist where the pipeline runs: root, tracking server, pools, names of variables and secrets."""
    configuration = build.configuration
    wanted = {secret.name: secret for step in build.pipeline.steps for secret in step.secrets}
    secrets = {name: secret.reference_in(configuration.secrets) for name, secret in sorted(wanted.items())}
    refuse_unreferenced(build, secrets)
    variables = [
        place
        for scheme, _, place in (str(reference).partition(":") for reference in secrets.values())
        if scheme == _VARIABLE
    ]
    return {
        "root": configuration.root,
        "tracking": configuration.tracking,
        "variables": sorted(variables),
        "secrets": secrets,
        "pools": {pool.name: pool.slots for pool in build.pipeline.pools},
        "image": build.image,
    }


def refuse_unreferenced(build: Build, secrets: Mapping[str, str | None]) -> None:
    """Refuses a secret that a step asks for and that has no reference: no worker could find it.

    Raises:
        UsageError: names the secrets, and the table for their references.
    """
    missing = [name for name, reference in secrets.items() if reference is None]
    if missing:
        table = f"[env.{build.configuration.env or 'NAME'}.secrets]"
        raise UsageError(
            f"pipeline {build.pipeline.name}: no reference for the secret {', '.join(missing)}: add it to {table} of"
            " counterpoint.toml, for example api_key = 'env:API_KEY'"
        )


def _requirements(build: Build) -> str:
    lines = [
        *build.header,
        f"Resolved for Python {build.project.python}; {build.project.name} itself comes as a wheel.",
    ]
    return "\n".join([*commented(lines), *build.project.requirements, ""])


def _dockerfile(build: Build, base: str, copied: Iterable[str]) -> str:
    project = build.project
    wheel = f"{project.name.replace('-', '_')}-{project.version}-py3-none-any.whl"
    lines = [
        *commented(build.header),
        f"# Before: 'python -m build --wheel --outdir <this folder>' in the project, which makes {wheel}",
        f"FROM {base}",
        "# where pip looks beside its default index, for example for CPU builds",
        "ARG PIP_EXTRA_INDEX_URL PIP_FIND_LINKS",
        f"COPY {REQUIREMENTS} {wheel} /tmp/build/",
        f"RUN pip install --no-cache-dir --requirement /tmp/build/{REQUIREMENTS} \\",
        f" && pip install --no-cache-dir --no-deps /tmp/build/{wheel}",
        *(f"COPY {path} {place}" for path, place in (line.split(" ", 1) for line in copied)),
        "",
    ]
    return "\n".join(lines)


def _readme(adapter: Adapter, build: Build, steps: Iterable[str]) -> str:
    needed = required(build)
    env = build.configuration.env
    status = command("status", build.reference, *(("--env", env) if env else ()), root=None)
    secrets = [f"`{name}` from `{reference}`" for name, reference in needed["secrets"].items()]
    lines = [
        f"# {build.pipeline.name} on {adapter.name}",
        "",
        *build.header,
        "",
        *(f"{number}. {step}" for number, step in enumerate(steps, 1)),
        "",
        f"Data: `{needed['root']}`. Secrets: {', '.join(secrets) or 'none'}. Pools: {_pools(needed['pools'])}.",
        f"Afterwards, from any machine that reaches the data: `{status}`",
        "",
    ]
    return "\n".join(lines)


def _pools(pools: dict[str, int]) -> str:
    return ", ".join(f"`{name}` ({slots} slots)" for name, slots in pools.items()) or "none"


def commented(lines: Iterable[str]) -> list[str]:
    """Lines as comments of Python, YAML, TOML or a Dockerfile."""
    return [f"# {line}" for line in lines]


def _json(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
