"""Every error that Counterpoint raises; each message names the thing, the place and the fix.

The tree, with the exit code of a command that fails with the error; a failed step always exits with 1::

    CounterpointError            1
    ├── UsageError               2   a wrong option, date, name, path or setting
    │   ├── DefinitionError      2   a pipeline that contradicts itself
    │   ├── HeldError            2   another process holds the requested resource
    │   └── UnsupportedError     2   an orchestrator cannot honour a property of the pipeline
    ├── ServiceError             3   an orchestrator is not installed, or did not start
    │   └── UnansweredError      3   its server does not answer now; a retry may help
    ├── DifferenceError          4   compared things differ
    ├── StorageError             2   the root cannot be read or written
    │   ├── DamagedOutputError   2   a stored output is lost, or is not what was written
    │   └── DamagedFileError     2   a file of the root is damaged
    └── StepError                1   a step failed
        ├── GroupError           1   steps of a group failed, each with a record of its own
        ├── TransientError       1   a temporary problem; a retry may help
        ├── MissingSecretError   1   a secret of a step cannot be read where the step runs
        ├── SourceError          2   the source of a partition is absent or unreadable
        ├── MissingInputError    1   an upstream output is absent
        │   └── StaleInputError  1   an input is older than its limit
        ├── RejectedError        1   a person rejected the step
        ├── SwitchedOffError     1   a step failed in several consecutive runs and is switched off for a while
        ├── ContractError        1   data breaks its contract; carries the rejected rows
        ├── StepTimeoutError     1   a step exceeded its time-out
        ├── StepKilledError      1   the process of a step was killed
        │   └── StepMemoryError  1   a step used more memory than its resources allow
        └── ChildStepError       1   a step failed in its own process; carries the error from there
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
    """A request with an invalid option, date, name or path."""

    exit_code = 2
    failure = "bad_configuration"


class DefinitionError(UsageError):
    """A pipeline whose description contradicts itself, found before anything runs."""


class HeldError(UsageError):
    """Another process holds the requested resource; `--take-over` takes it from a process that will not end."""


class UnsupportedError(UsageError):
    """A property of a pipeline that an orchestrator cannot honour, and for which there is no stand-in."""


class ServiceError(CounterpointError):
    """An orchestrator is missing, or one of its services did not start or stopped answering."""

    exit_code = 3
    failure = "orchestrator"

    def __init__(self, message: str = "", status: int | None = None) -> None:
        super().__init__(message)
        # the status of the server's answer, if there is one
        self.status = status


class UnansweredError(ServiceError):
    """A server that does not answer now: it is restarting, or its database was busy for too long."""


class DifferenceError(CounterpointError):
    """Compared things differ; the message names the first difference."""

    exit_code = 4


class StorageError(CounterpointError):
    """The root folder or bucket cannot be read or written."""

    exit_code = 2
    failure = "transient"


class DamagedOutputError(StorageError):
    """A stored output is lost, or differs from what was written.

    `place` is the file and `what` the damage; `output` names step and partition, and `command` computes the output
    again, if they are known.
    """

    failure = "missing_input"

    def __init__(self, place: str, what: str, output: str = "", command: str = "") -> None:
        super().__init__(place, what)
        self.place, self.what, self.output, self.command = place, what, output, command

    def __str__(self) -> str:
        output = f", so {self.output} cannot be read" if self.output else ""
        fix = f"make it again with '{self.command}'" if self.command else "run the step again"
        return f"{self.place} {self.what}{output}: {fix}"


class DamagedFileError(StorageError):
    """A small file of a root is damaged; `doctor --repair` moves it aside."""

    failure = "bad_configuration"

    def __init__(self, path: str, root: str, reason: str) -> None:
        command = shlex.join(["counterpoint", "doctor", "--repair", "--root", root])
        super().__init__(f"{root}/{path} is damaged ({reason}): repair the root by '{command}'")
        self.reason = reason


class StepError(CounterpointError):
    """A step failed for a reason that Counterpoint itself detected."""


class GroupError(StepError):
    """Steps of a group failed for good; each has recorded its own failure, so another attempt of the task is vain."""

    failure = "upstream_failed"


class TransientError(StepError):
    """A temporary problem outside the pipeline; raise it where a retry may help."""

    failure = "transient"


class SourceError(StepError):
    """The source has no usable data for a partition, or cannot be read as described."""

    exit_code = 2
    failure = "missing_input"


class MissingSecretError(StepError):
    """A secret of a step cannot be read where the step runs; a retry cannot help."""

    failure = "bad_configuration"


class MissingInputError(StepError):
    """A step was started although an output that it needs is missing."""

    failure = "missing_input"


class StaleInputError(MissingInputError):
    """A step refuses to run on an input that is older than its limit."""


class RejectedError(StepError):
    """A person rejected the step for its present inputs."""

    failure = "rejected"


class SwitchedOffError(StepError):
    """A step failed in several consecutive runs and is switched off for a while; it was not executed."""

    failure = "switched_off"


class ContractError(StepError):
    """Data breaks its contract; the message names column, check, count and three examples.

    `rejected` has the offending rows (a Polars frame with reason, column and check), or None.
    """

    failure = "bad_data"

    def __init__(self, message: str, rejected: Any = None) -> None:
        super().__init__(message)
        self.rejected = rejected


class StepTimeoutError(StepError):
    """A step ran longer than its time-out and was killed; its output is not published.

    `stack` has the innermost Python frames of the step at that time, as `file:line in function`.
    """

    failure = "timeout"

    def __init__(self, message: str, stack: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.stack = stack


class StepKilledError(StepError):
    """The process of a step was killed, or exited, before it reported a result."""

    failure = "killed"


class StepMemoryError(StepKilledError):
    """A step used more memory than its resources allow and was killed; its output is not published.

    `peak` is the highest measured memory in bytes.
    """

    def __init__(self, message: str = "", peak: int = 0) -> None:
        super().__init__(message)
        self.peak = peak


class ChildStepError(StepError):
    """A step failed in a process of its own; `info` describes the error from there."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(f"{info.type}: {info.message}")
        self.info = info
        self.failure = info.failure
