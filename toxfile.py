"""What tox.ini cannot say: where uv finds the CPU build of torch, for which Pythons there is one, and that it compiles.

tox loads this file by itself. `python toxfile.py COMMAND ...` runs any command under the same settings.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")


def find_links() -> str:
    """The folders of local wheels as uv wants them: those told to uv, or else those told to pip."""
    return os.environ.get("UV_FIND_LINKS") or ",".join(os.environ.get("PIP_FIND_LINKS", "").split())


def local_torch(places: str) -> list[str]:
    """The names of the torch wheels in local folders."""
    folders = [Path(place.removeprefix("file://")) for place in places.split(",") if place]
    return [wheel.name for folder in folders for wheel in folder.glob("torch-*.whl")]


def pyenv_pythons() -> list[str]:
    """The folders of the Pythons that pyenv has installed: its own commands show only the selected ones."""
    command = shutil.which("pyenv")
    versions = Path(command).resolve().parent.parent / "versions" if command else Path()
    return [str(folder) for python in PYTHONS for folder in sorted(versions.glob(f"{python}.*/bin"))]


def torch_file(python: str, wheels: list[str]) -> str:
    """The requirements file for torch: `no-torch` where there are local wheels, but none for this Python."""
    tag = f"-cp{python.replace('.', '')}-"
    return "torch" if not wheels or any(tag in wheel for wheel in wheels) else "no-torch"


def configure() -> None:
    """Torch comes from local wheels where there are any, and from its CPU index everywhere else."""
    places = find_links()
    wheels = local_torch(places)
    if places:
        os.environ["UV_FIND_LINKS"] = places
    if not wheels:
        os.environ.setdefault("UV_TORCH_BACKEND", "cpu")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):  # else each process compiles all it imports
        os.environ.setdefault("UV_COMPILE_BYTECODE", "1")
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *pyenv_pythons()])
    for python in PYTHONS:
        os.environ[f"TORCH_ON_{python.replace('.', '')}"] = torch_file(python, wheels)
    os.environ["TORCH_HERE"] = torch_file(f"{sys.version_info.major}.{sys.version_info.minor}", wheels)


configure()
if __name__ == "__main__":
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
