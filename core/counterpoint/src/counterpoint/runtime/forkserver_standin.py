"""Stands for a process that is forked elsewhere: passes signals on to it, and ends as it ends.

For who wants to start a command, but would wait for its imports. It is run as a file, `python -I -S standin.py SOCKET
COMMAND...`, needs the standard library alone and 0.03 CPU seconds. Where nothing listens at the socket, it becomes the
command.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

# an order: a byte, with a socket for the question and its answer, the standard error, and a file for stacks
ORDER = b"."
# the descriptor, for sys.stderr may be something that has none
STDERR = 2
_MOST_BYTES = 4096
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def command(place: str, instead: tuple[str, ...]) -> tuple[str, ...]:
    """The command that stands for what is forked at the socket `place`, and becomes `instead` where nothing is."""
    return (sys.executable, "-I", "-S", __file__, place, *instead)


def address(folder: int, name: str) -> str:
    """The address of a socket in an open folder, which may lie deeper than the 107 bytes that an address may have."""
    return f"/proc/self/fd/{folder}/{name}"


def connected(place: str) -> socket.socket:
    """A connection to the process that forks at `place`, for one order.

    Raises:
        OSError: there is none.
    """
    orders = socket.socket(socket.AF_UNIX)
    try:
        folder = os.open(os.path.dirname(place), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120 - pathlib costs more
        try:
            orders.connect(address(folder, os.path.basename(place)))  # noqa: PTH119
        finally:
            os.close(folder)
    except OSError:
        orders.close()
        raise
    return orders


def _order(place: str) -> socket.socket:
    """Where a new process tells of itself.

    Raises:
        OSError: there is nothing to fork from.
    """
    ours, theirs = socket.socketpair()
    with theirs, connected(place) as orders:
        nothing = os.open(os.devnull, os.O_WRONLY)  # no time-out here wants to know where it stands
        socket.send_fds(orders, [ORDER], [theirs.fileno(), STDERR, nothing])
        os.close(nothing)
    return ours


def _begun(told: socket.socket) -> int | None:
    """The pid of the new process, which waits until it is told what to do; None when there is none."""
    line = b""
    while not line.endswith(b"\n") and (byte := told.recv(1)):
        line += byte
    word, _, process = line.decode().partition(" ")
    return int(process.partition(".")[0]) if word == "process" else None


def _stand(pid: int, told: socket.socket) -> int:
    """Tells the process what surrounds this one, and waits for its end: its code, below zero for a signal."""
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)  # noqa: FBT003 - its only parameter
    # a handler of Python's would not run before the next message, should the signal come just before it is waited for
    signal.set_wakeup_fd(waker.fileno())
    for number in _PASSED_ON:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    asked = {"folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    heard = b""
    with suppress(ConnectionError):
        told.sendall(json.dumps(asked).encode() + b"\n")
        while not heard.endswith(b"\n"):
            ready, _, _ = select.select([told, woken], [], [])
            if woken in ready:
                _pass_on(pid, woken.recv(_MOST_BYTES))
            if told in ready:
                said = told.recv(_MOST_BYTES)
                if not said:
                    break
                heard += said
    word, _, code = heard.decode().partition(" ")
    return int(code) if word == "exit" else -signal.SIGKILL  # it ends with what it was forked from


def _pass_on(pid: int, numbers: bytes) -> None:
    for number in numbers:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, number)


def main(place: str, *instead: str) -> NoReturn:
    """Has a process forked at a socket and stands for it; without one, becomes the command."""
    # until it is known whom to pass them on to
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    told = pid = None
    with suppress(OSError):
        told = _order(place)
        pid = _begun(told)
    if told is None or pid is None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        os.execv(instead[0], instead)  # noqa: S606
    code = _stand(pid, told)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
