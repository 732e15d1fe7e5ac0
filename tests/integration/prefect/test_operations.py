"""The commands that the comparison tells for Prefect are ones that it takes."""

from __future__ import annotations

import shlex

import pytest

# its command line was another library's before
pytestmark = [pytest.mark.prefect, pytest.mark.long]

from counterpoint_compare.operations import commands


@pytest.mark.parametrize("command", commands("prefect"))
def test_a_command_is_taken(command: str) -> None:
    from prefect.cli._app import _app as app

    name, *words = shlex.split(command)
    assert name == "prefect"
    called, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert called.__name__ == words[1]
    assert bound.arguments or words[2:] == []
