"""Any model as the files of an output and back, with its digest: a `Model` as ever, others by their format."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from counterpoint.errors import CounterpointError, StepError
from counterpoint.frames import named
from counterpoint.storage import layout
from counterpoint.storage.digests import model_digest
from counterpoint.storage.formats import StoredModel, format_named, format_of
from counterpoint.storage.models import decode, encode, is_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counterpoint.model import Output, Step


def encoded(step: Step, value: Any) -> tuple[dict[str, bytes], str]:
    """The files of a model by name, and its digest.

    Raises:
        StepError: it cannot be stored without pickle; names the step, the reason and the fix.
        UsageError: a library that stores it is not installed.
    """
    if is_weights(value):
        return encode(value), model_digest(value)
    who = f"the model that step {step.name} returned, {named(value)}, cannot be stored"
    form = format_of(value)
    if form is None:
        raise StepError(f"{who}: no format here stores it without pickle")
    try:
        stored = form.writes(value, step.output.trusted)
    except StepError as error:
        raise StepError(f"{who}: {error}") from error
    except CounterpointError:
        raise
    except Exception as error:
        raise StepError(f"{who} as {form.name}: {type(error).__name__}: {error}") from error
    described = {"format": form.name, "files": sorted(stored.files), "facts": dict(stored.facts)}
    files = {**stored.files, layout.MODEL: json.dumps(described, sort_keys=True, allow_nan=False).encode()}
    return files, files_digest(files)


def file_names(described: bytes) -> tuple[str, ...]:
    """The files of a model, by its file `model.json`, which is the last of them."""
    return (*json.loads(described).get("files", [layout.WEIGHTS]), layout.MODEL)


def decoded(files: Mapping[str, bytes], output: Output) -> Any:
    """The inverse of `encoded`."""
    described = json.loads(files[layout.MODEL])
    if "format" not in described:
        return decode(files[layout.WEIGHTS], files[layout.MODEL])
    parts = {name: files[name] for name in described["files"]}
    return format_named(described["format"]).reads(StoredModel(parts, described["facts"]), output.trusted)


def files_digest(files: Mapping[str, bytes]) -> str:
    """The sha256 of files, by their names and bytes."""
    digest = hashlib.sha256(b"model")
    for name in sorted(files):
        digest.update(f"\0{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return f"sha256:{digest.hexdigest()}"
