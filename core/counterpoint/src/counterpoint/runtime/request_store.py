"""What a run was asked for, kept beside what it leaves, and the names that an orchestrator has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from counterpoint.storage import layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from counterpoint.model import RunRequest
    from counterpoint.storage.objects import Objects


def keep_request(objects: Objects, pipeline: str, request: RunRequest, **about: Any) -> None:
    """Keeps what a run was asked for, unless it is kept already; `about` says more, such as `service`."""
    _change(objects, pipeline, request, lambda kept: kept or about)


def note_native(objects: Objects, pipeline: str, request: RunRequest, native_id: str, page: str | None = None) -> None:
    """Notes by which name an orchestrator knows a run, and the path of its page; a run may have several."""
    if native_id == request.run_id:
        return

    def named(kept: dict[str, Any]) -> dict[str, Any]:
        known = kept.get("native", {})
        return {
            "service": page is not None,
            **kept,
            "native": known if native_id in known else {**known, native_id: page},
        }

    _change(objects, pipeline, request, named)
    objects.put_json(layout.native_run(native_id), {"pipeline": pipeline, "run_id": request.run_id})


def _change(
    objects: Objects, pipeline: str, request: RunRequest, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Changes what is kept of a run; a worker may tell of it at the moment when who submitted it does."""
    path = layout.run_request(pipeline, request.run_id)
    while True:
        found = objects.find(path)
        kept = objects.parsed(path, found.data) if found else {}
        changed = {"request": request.to_json(), **change(kept)}
        if changed == kept or objects.compare_and_swap(path, objects.encoded(changed), found):
            return
