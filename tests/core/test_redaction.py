"""Secrets are masked wherever they stand."""

from __future__ import annotations

import pytest

from counterpoint.redaction import redacted, redacted_values, scrub

SECRETS = {
    "postgresql://me:hunter22@db/x": "hunter22",
    "Authorization: Bearer abcdef.123456": "abcdef.123456",
    "slack_token=xoxb-1234567890-abc": "xoxb-1234567890-abc",
    "{'password': 's3cr3t!'}": "s3cr3t",
    '"api_key": "k-998877"': "k-998877",
    "?user=me&aws_secret_access_key=Zm9vYmFy&x=1": "Zm9vYmFy",
    "AKIAIOSFODNN7EXAMPLE was used": "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123": "ghp_0123456789",
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert "***" in redacted(text)


def test_other_text_stays() -> None:
    for text in ("step a of 2026-01-03 failed: no 3", "s3://lake/table@3", "https://host/path?x=1", "key=value"):
        assert redacted(text) == text


def test_what_the_environment_calls_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "correct horse")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    assert redacted("it was correct horse, abc") == "it was ***, abc"
    assert redacted_values({"a": ["correct horse", 3, None]}) == {"a": ["***", 3, None]}


def test_an_error_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "correct horse")
    error = ValueError("no correct horse", 3)
    scrub(error)
    assert error.args == ("no ***", 3)
