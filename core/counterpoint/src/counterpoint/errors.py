"""Every error that Counterpoint raises; each message names the thing, the place and the fix.

The tree, with the exit code of the command that ends with it; a step that fails with whichever of them ends with 1::

    CounterpointError            1
    ├── UsageError               2   a wrong option, date, name, path or setting
    │   ├── DefinitionError      2   a pipeline that contradicts itself
    │   ├── HeldError            2   another process works on what was asked for
    │   └── UnsupportedError     2   an orchestrator cannot honour a property of the pipeline
    ├── ServiceError             3   an orchestrator is not installed, or did not start
    │   └── UnansweredError      3   its server does not answer now; it may when it is asked again
    ├── DifferenceError          4   compared things differ
    ├── StorageError             2   the root cannot be read or written
    │   ├── DamagedOutputError   2   a stored output is lost, or is not what was written
    │   └── DamagedFileError     2   a file of the root does not hold what it should
    └── StepError                1   a step failed
        ├── TransientError       1   what another attempt may heal
        ├── MissingSecretError   1   a secret that a step asks for cannot be read where it runs
        ├── SourceError          2   the source of a partition is absent or unreadable
        ├── MissingInputError    1   an upstream output is absent
        │   └── StaleInputError  1   an input is older than its limit
        ├── RejectedError        1   a person rejected the step
        ├── SwitchedOffError     1   a step failed in several runs in a row and is switched off for a while
        ├── ContractError        1   data breaks its contract; carries the rejected rows
        ├── StepTimeoutError     1   a step exceeded its time-out
        ├── StepKilledError      1   the process of a step was killed
        │   └── StepMemoryError  1   a step held more memory than its resources say
        └── ChildStepError       1   a step failed in its own process; carries what it reported there
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from counterpoint.model.records import ErrorInfo


class CounterpointError(Exception):
    """The root of the tree; catching it catches everything that Counterpoint raises on purpose."""

    exit_code: ClassVar[int] = 1
    # the value of a `FailureClass`; an exception of a user's own may have such an attribute, too
    failure: str = "code_bug"


class UsageError(CounterpointError):
    """A request that cannot be carried out as it was made: an option, a date, a name, a path."""

    exit_code = 2
    failure = "bad_configuration"


class DefinitionError(UsageError):
    """A pipeline whose description contradicts itself, found before anything runs."""


class HeldError(UsageError):
    """Another process works on what was asked for; `--take-over` takes it from one that will not end."""


class UnsupportedError(UsageError):
    """A property of a pipeline that an orchestrator cannot honour, not even by a stand-in."""


class ServiceError(CounterpointError):
    """An orchestrator is missing, or one of its services did not start or stopped answering."""

    exit_code = 3
    failure = "orchestrator"

    def __init__(self, message: str = "", status: int | None = None) -> None:
        super().__init__(message)
        # of the server's answer, where it gave one
        self.status = status


class UnansweredError(ServiceError):
    """A server that does not answer now: it is being started again, or its database was busy for too long."""


class DifferenceError(CounterpointError):
    """Things that were to be equal differ; the message names the first difference."""

    exit_code = 4


class StorageError(CounterpointError):
    """The root folder or bucket cannot be read or written."""

    exit_code = 2
    failure = "transient"


class DamagedOutputError(StorageError):
    """A stored output is lost, or is not what was written.

    `place` is the file, `what` what is wrong with it; `output` names step and partition and `command` makes it again,
    where whoever raised it knows them.
    """

    failure = "missing_input"

    def __init__(self, place: str, what: str, output: str = "", command: str = "") -> None:
        super().__init__(place, what)
        self.place, self.what, self.output, self.command = place, what, output, command

    def __str__(self) -> str:
        output = f", so {self.output} cannot be read" if self.output else ""
        how = f"make it again with '{self.command}'" if self.command else "run the step again, which makes it again"
        return f"{self.place} {self.what}{output}: {how}"


class DamagedFileError(StorageError):
    """A small file of a root does not hold what was written; `doctor --repair` moves it aside."""

    failure = "bad_configuration"

    def __init__(self, path: str, root: str, reason: str) -> None:
        command = shlex.join(["counterpoint", "doctor", "--repair", "--root", root])
        super().__init__(f"{root}/{path} is damaged ({reason}): repair the root by '{command}'")
        self.reason = reason


class StepError(CounterpointError):
    """A step failed for a reason that Counterpoint itself found."""


class TransientError(StepError):
    """Something outside stood in the way for now; raise it where another attempt may help."""

    failure = "transient"


class SourceError(StepError):
    """The source holds nothing usable for a partition, or cannot be read as described."""

    exit_code = 2
    failure = "missing_input"


class MissingSecretError(StepError):
    """A secret that a step asks for cannot be read where it runs; another attempt would not find it either."""

    failure = "bad_configuration"


class MissingInputError(StepError):
    """A step was started although an output that it needs does not stand."""

    failure = "missing_input"


class StaleInputError(MissingInputError):
    """A step refuses to run on an input that is older than its limit."""


class RejectedError(StepError):
    """A person rejected the step, for the inputs that it has."""

    failure = "rejected"


class SwitchedOffError(StepError):
    """A step failed in several runs in a row and is switched off for a while: it was not tried."""

    failure = "switched_off"


class ContractError(StepError):
    """Data breaks its contract: names column, check, count and three examples.

    `rejected` holds the offending rows (a Polars frame with reason, column and check), or None.
    """

    failure = "bad_data"

    def __init__(self, message: str, rejected: Any = None) -> None:
        super().__init__(message)
        self.rejected = rejected


class StepTimeoutError(StepError):
    """A step ran longer than its time-out and was killed; nothing of its output is visible.

    `stack` holds the innermost frames of the Python code that it was in, as `file:line in function`.
    """

    failure = "timeout"

    def __init__(self, message: str, stack: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.stack = stack


class StepKilledError(StepError):
    """The process of a step was killed, or ended by itself, before it could say anything."""

    failure = "killed"


class StepMemoryError(StepKilledError):
    """A step held more memory than its resources say: it was killed, and nothing of its output is visible.

    `peak` is the most that was measured, in bytes.
    """

    def __init__(self, message: str = "", peak: int = 0) -> None:
        super().__init__(message)
        self.peak = peak


class ChildStepError(StepError):
    """A step failed in a process of its own; `info` is the error as it was described there."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(f"{info.type}: {info.message}")
        self.info = info
        self.failure = info.failure
