"""Renews the constraint files (`make constraints`): per environment, the newest that fits together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CUDA = ("cuda-", "nvidia-", "triton==")  # belong to torch's CUDA build, which is never installed
CORE = ("core.in", "torch.in", "dev.in", "docs.in", "lint.in", "types.in")
ENVIRONMENTS = {  # name: the files to resolve together, and the release that the name stands for
    "core": (CORE, ""),
    "airflow": (("airflow.in", "torch.in"), "apache-airflow==3.3.*"),
    "airflow-oldest": (("airflow.in", "torch.in"), "apache-airflow==3.1.*"),
    "dagster": (("dagster.in", "torch.in"), "dagster==1.13.*"),
    "dagster-oldest": (("dagster.in", "torch.in"), "dagster==1.12.*"),
    "prefect": (("prefect.in", "torch.in"), "prefect==3.8.*"),
    # its server fails on the newest FastAPI that it admits
    "prefect-oldest": (("prefect.in", "torch.in"), "prefect==3.6.*\nfastapi<0.120"),
}
OWN = ("counterpoint", "streamrec", "counterpoint-compare", "counterpoint-migrate")
COMPILE = (
    *("uv", "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11", "--upgrade"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
    *("--constraints", "constraints/avoid.txt"),
    *(word for own in OWN for word in ("--no-emit-package", own)),
)


def resolve(name: str, files: tuple[str, ...], pin: str) -> list[str]:
    """The pins of one environment, one a line."""
    requirements = "\n".join([*(f"-r constraints/{file}" for file in files), pin])
    own = ("--no-emit-package", f"counterpoint-{name.partition('-')[0]}")
    done = subprocess.run((*COMPILE, *own), input=requirements, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    return [line for line in done.stdout.splitlines() if not line.startswith(CUDA)]


def main() -> None:
    """Writes every file, or those of the environments named as arguments."""
    for name in sys.argv[1:] or ENVIRONMENTS:
        pins = resolve(name, *ENVIRONMENTS[name])
        header = f"# {len(pins)} releases that fit together; made by `make constraints`, from the .in files."
        (ROOT / "constraints" / f"{name}.txt").write_text("\n".join([header, *pins, ""]), encoding="utf-8")
        print(f"{name}: {len(pins)} releases", file=sys.stderr)


if __name__ == "__main__":
    main()
