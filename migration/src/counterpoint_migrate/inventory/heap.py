"""Lists, dicts and scopes as the code changes them: what may have happened is told apart from what has."""

from __future__ import annotations

import ast
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from counterpoint_migrate.inventory.values import ABSENT, Class, Func, Instance, More, Perhaps, Ref, Unknown, join, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Frame = dict[int, tuple[Any, Any]]  # by identity: a container, and what it held before
_DEFINED = (Ref, Func, Class)
_MOST = 10_000
_NOTHING = object()


class Heap:
    """Remembers what containers held, so that a branch can be undone or joined with another."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []
        self._shared: dict[int, Any] = {}

    def touch(self, container: list[Any] | dict[Any, Any]) -> None:
        """Says that a container is about to be changed."""
        if self._frames:
            self._frames[-1].setdefault(id(container), (container, container.copy()))

    def doubt(self, value: Any, node: ast.AST) -> None:
        """Makes a list, dict or object, and all that it holds, unknown from here on."""
        for container in _reachable(value):
            self.touch(container)
            if isinstance(container, list):
                unknown = [Perhaps(element, "") if not _open(element) else element for element in container]
                container[:] = one_more([*unknown, More(node)])
            else:
                container.update(dict.fromkeys(container, Unknown(node)) | {"**": Unknown(node)})

    @contextmanager
    def frame(self) -> Iterator[Frame]:
        """Collects what is changed inside; the frame around learns of it, too."""
        frame: Frame = {}
        self._frames.append(frame)
        try:
            yield frame
        finally:
            self._frames.pop()
            if self._frames:
                for key, entry in frame.items():
                    self._frames[-1].setdefault(key, entry)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Takes back what is changed inside: it happens when a task runs, not when its file is read."""
        with self.frame() as frame:
            yield
        undo(frame)

    @contextmanager
    def module(self, scope: dict[str, Any], changes: list[Any]) -> Iterator[None]:
        """Reads a file as a process of its own would.

        Args:
            scope: what it binds, which other files may import from now on.
            changes: takes the containers of other files that it changes; they are put back.
        """
        frames, self._frames = self._frames, []
        try:
            with self.frame() as frame:
                yield
        finally:
            self._frames = frames
        foreign = {key: entry for key, entry in frame.items() if key in self._shared}
        undo(foreign)
        changes += [container for container, _ in foreign.values()]
        self._share(scope)

    def _share(self, scope: dict[str, Any]) -> None:
        stack: list[Any] = [scope]
        while stack:
            value = stack.pop()
            held = _contents(value)
            if held is None or id(value) in self._shared:
                continue
            self._shared[id(value)] = value
            stack += held


def undo(frame: Frame) -> Frame:
    """Gives containers back what they held before; returns what they hold now."""
    after: Frame = {}
    for key, (container, before) in frame.items():
        after[key] = (container, container.copy())
        fill(container, before)
    return after


def fill(container: Any, contents: Any) -> None:
    """Replaces the contents of a container."""
    if isinstance(container, list):
        container[:] = contents
    else:
        container.clear()
        container.update(contents)


def merge_dicts(versions: Sequence[dict[Any, Any]], node: ast.AST, *, definitions: bool = False) -> dict[Any, Any]:
    """A dict that is one of several; `definitions`: of imports and functions the first counts."""
    merged = dict(versions[0])
    for key in _differing(versions):
        values = [version.get(key, Unknown(node) if "**" in version else ABSENT) for version in versions]
        if definitions and isinstance(values[0], _DEFINED) and not isinstance(values[0], Func):
            merged[key] = values[0]
            continue
        where = ast.Name(id=key) if isinstance(key, str) and key.isidentifier() else node
        merged[key] = Unknown(node) if key == "**" else join(values, where)
    return merged


def _differing(versions: Sequence[dict[Any, Any]]) -> list[Any]:
    """The keys whose values are not the same objects, in the order of the versions."""
    first = versions[0]
    differing: dict[Any, None] = {}
    for version in versions[1:]:
        differing |= dict.fromkeys(key for key in first if key not in version)
        differing |= dict.fromkeys(key for key, value in version.items() if first.get(key, _NOTHING) is not value)
    return list(differing)


def merge_lists(versions: Sequence[list[Any]], conditions: Sequence[str]) -> list[Any]:
    """A list that is one of several: what they begin with in common, and the rest of each under its condition."""
    shortest = min(map(len, versions))
    common = 0
    while common < shortest and all(same(version[common], versions[0][common]) for version in versions[1:]):
        common += 1
    merged = versions[0][:common]
    for version, condition in zip(versions, conditions, strict=True):
        merged += [one if _open(one) else Perhaps(one, condition) for one in version[common:]]
    return one_more(merged[:_MOST])


def one_more(elements: list[Any]) -> list[Any]:
    """The elements of a list, with one mark of further ones at its end where there are any."""
    marks = [element for element in elements if isinstance(element, More)]
    if not marks:
        return elements
    unseen = [element for element in elements if not (isinstance(element, More) or _nothing(element))]
    return [*unseen, marks[0]]


def _nothing(element: Any) -> bool:
    """Whether an element says no more than that there is one."""
    return isinstance(element, Perhaps) and isinstance(element.value, Unknown) and not element.value.options


def _open(element: Any) -> bool:
    return isinstance(element, More | Perhaps)


def _reachable(value: Any) -> list[Any]:
    found: dict[int, Any] = {}
    stack = [value]
    while stack and len(found) < _MOST:
        one = stack.pop()
        container = one.attributes if isinstance(one, Instance) else one
        if isinstance(container, tuple):
            stack += container
        elif isinstance(container, list | dict) and id(container) not in found:
            found[id(container)] = container
            stack += container.values() if isinstance(container, dict) else container
        elif isinstance(one, Perhaps):
            stack.append(one.value)
        elif isinstance(one, Unknown):
            stack += one.options
    return list(found.values())


def _contents(value: Any) -> list[Any] | None:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Instance):
        return [value.attributes]
    if isinstance(value, Class):
        return [value.keywords]
    return [value.defaults] if isinstance(value, Func) else None
