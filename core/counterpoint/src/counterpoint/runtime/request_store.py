"""The stored requests of runs, and the ids under which orchestrators know them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import RunRequest
    from counterpoint.storage.objects import Objects


# kept beside the request of a run on a team's own server: the name of the target
TARGET = "target"


def keep_request(objects: Objects, pipeline: str, request: RunRequest, **about: Any) -> None:
    """Stores the request of a run, unless it is stored already; `about` adds fields such as `service`."""
    _change(objects, pipeline, request, lambda stored: stored or about)


def note_native(
    objects: Objects, pipeline: str, request: RunRequest, native_id: str, page: str | None = None, **about: Any
) -> None:
    """Stores the id under which an orchestrator knows a run, and the path of its page; a run may have several ids.

    `about` adds fields such as `target`, unless they are stored already.
    """
    if native_id == request.run_id:
        return

    def with_native_id(stored: dict[str, Any]) -> dict[str, Any]:
        pages = stored.get("native", {})
        return {
            "service": page is not None,
            **about,
            **stored,
            "native": pages if native_id in pages else {**pages, native_id: page},
        }

    _change(objects, pipeline, request, with_native_id)
    objects.put_json(layout.native_run(native_id), {"pipeline": pipeline, "run_id": request.run_id})


def _change(
    objects: Objects, pipeline: str, request: RunRequest, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Changes the stored request of a run; a worker and the submitting process may do so at the same time."""
    path = layout.run_request(pipeline, request.run_id)
    while True:
        previous = objects.find(path)
        stored = objects.parsed(path, previous.data) if previous else {}
        changed = {"request": request.to_json(), **change(stored)}
        if changed == stored or objects.compare_and_swap(path, objects.encoded(changed), previous):
            return
