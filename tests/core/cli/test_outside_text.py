"""What comes from outside commands no terminal and is no markup: its brackets and its control characters are seen."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import pytest

from counterpoint.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    OnTerminal = Callable[..., tuple[int, str]]

HOSTILE = (
    "the pattern [/] or [/data/in] matched nothing",
    "columns [id] [price] of [link=https://evil.example]click[/link], dict[str] [red]all is well",
    "a\x1b[2J\x1b]0;owned\x07b",
    "c1 \x9b31m \x85 and \x7f back\x08\x08 over\rwritten",
    "turned \u202egnp.exe\u2066 x",
    "half \ud800 [bold]x[/bold] \x00 nul",
)
PIPELINE = """
import json, os
from counterpoint.model import Pipeline, step
pipelines = [Pipeline(f"hostile{n}", (step("hostilesteps:bad", name="bad"),), config={"text": text},
    description="reads [a-z] and [/x]") for n, text in enumerate(json.loads(os.environ["HOSTILE"]))]
p0, p1, p2, p3, p4, p5 = pipelines
"""
STEPS = "def bad(text):\n    raise ValueError(text)\n"
# what rich itself draws with: a table in colours; a view in place by line up, line cleared, cursor off and on
DRAWN = re.compile(r"\x1b\[[0-9;]*m|\r\n|\r(?=\x1b\[2K)|\x1b\[(1A|2K|\?25[hl])|\x1b\]8;[^\x1b]*\x1b\\\\")


def harmless(said: str) -> bool:
    return visible(DRAWN.sub("", said)) == DRAWN.sub("", said) and "MarkupError" not in said


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_no_text_of_a_step_commands_the_terminal(
    tmp_path: Path, number: int, on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", json.dumps(HOSTILE))
    (tmp_path / "hostile.py").write_text(PIPELINE)
    (tmp_path / "hostilesteps.py").write_text(STEPS)
    name, days = f"hostile:p{number}", ("--from", "2026-01-03", "--to", "2026-01-03", "--version", "v1")
    for words, code in (
        (("backfill", name, *days), 1),
        (("run", name, "--date", "2026-01-04"), 1),
        (("why", f"{name}@v1"), 0),
        (("alerts", "list"), 0),
    ):
        done, said = on_terminal(*words)
        assert done == code, said
        assert harmless(said), repr(said)
        if words[0] in {"run", "why"}:
            assert visible(HOSTILE[number]).splitlines()[0][:40] in said


def test_no_text_of_a_dag_commands_the_terminal(tmp_path: Path, on_terminal: OnTerminal) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    for number, text in enumerate((*HOSTILE[:5], "etl[/prod]")):
        words = f"from airflow import DAG\nfrom airflow.operators.bash import BashOperator\nX = {text!a}\n"
        words += (
            "with DAG(X, schedule=X, description=X, tags=[X]) as d:\n    BashOperator(task_id='t', bash_command=X)\n"
        )
        (folder / f"d{number}.py").write_text(words)
    for action in ("inventory", "plan"):
        done, said = on_terminal("migrate", action, str(folder))
        assert done in {0, 2}, said
        assert harmless(said), repr(said)
    assert "etl[/prod]" in on_terminal("migrate", "inventory", str(folder))[1]


def test_the_names_of_things_keep_their_brackets(tmp_path: Path, on_terminal: OnTerminal) -> None:
    done, said = on_terminal("diff", "no[/such].parquet", "\x1b[31mno.parquet")
    assert done == 2
    assert harmless(said), repr(said)
    assert "no[/such].parquet" in said


@pytest.mark.parametrize(
    "words",
    [
        ("run", "streamrec", "--\x1b[31mred\x9b1m", "x\u202ey"),
        ("run", "streamrec", "\x1b[2J"),
        ("\x1b]0;owned\x07",),
        ("up", "\x1b[31mairflow"),
        ("dlq", "show", "streamrec", "--limit", "\x1b[31m9"),
        ("backfill", "streamrec", "--order", "[/red]\x1b[31m"),
    ],
)
def test_no_argument_commands_the_terminal(tmp_path: Path, words: tuple[str, ...], on_terminal: OnTerminal) -> None:
    done, said = on_terminal(*words)
    assert done == 2
    assert "error: " in said
    assert harmless(said), repr(said)


def test_no_argument_is_told_that_is_a_secret(tmp_path: Path, on_terminal: OnTerminal) -> None:
    done, said = on_terminal(
        tmp_path, "run", "streamrec", "--sett", "api_token=pl4nted-arg1", "--db-password=pl4nted-arg2"
    )
    assert (done, "error: " in said, "pl4nted" in said) == (2, True, False), said


def test_a_mail_is_plain_text_with_one_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    import smtplib

    from counterpoint.alerts.delivery import send

    sent: list[bytes] = []

    class Post:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def ehlo(self, *_: Any) -> None: ...
        def quit(self) -> None: ...
        def sendmail(self, _from: str, _to: Any, text: Any, *_: Any) -> None:
            sent.append(text if isinstance(text, bytes) else text.encode())

    monkeypatch.setattr(smtplib, "SMTP", Post)
    url = "mailto://127.0.0.1:9?from=a@example.com&to=b@example.com&mode=insecure"
    body = "row <a href=https://evil.example>sign in</a> was \x1b[31mwrong\nsecond line"
    assert send({"P0": url}, "[P0] one\r\nBcc: c@example.com", body) == {"P0": None}
    (mail,) = (message_from_bytes(text) for text in sent)
    parts = [part for part in mail.walk() if part.get_content_maintype() == "text"]
    assert [part.get_content_type() for part in parts] == ["text/plain"]
    assert parts[0].get_payload(decode=True).decode().strip() == body.replace("\x1b", "\\x1b")
    assert mail["Bcc"] is None
    assert "\n" not in str(mail["Subject"]).replace("\n ", "")
