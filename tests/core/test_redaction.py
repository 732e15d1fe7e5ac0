"""Secrets are masked wherever they stand."""

from __future__ import annotations

import base64
import html
import json
import traceback
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from counterpoint.redaction import SECRETS as OWN_NAMES
from counterpoint.redaction import hide, is_secret, redacted, redacted_values, safe, scrub

SECRETS = {
    "postgresql://me:hunter22@db/x": "hunter22",
    "Authorization: Bearer abcdef.123456": "abcdef.123456",
    "slack_token=xoxb-1234567890-abc": "xoxb-1234567890-abc",
    "{'password': 's3cr3t!'}": "s3cr3t",
    '"api_key": "k-998877"': "k-998877",
    "?user=me&aws_secret_access_key=Zm9vYmFy&x=1": "Zm9vYmFy",
    "AKIAIOSFODNN7EXAMPLE was used": "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123": "ghp_0123456789",
    "mysql://u:p@ss/w0rd@host/db": "w0rd",
    "https://t0k3n-abc@github.com/x": "t0k3n-abc",
    "redis://:r3dis-pw@h": "r3dis-pw",
    "jdbc:postgresql://h/db?user=u&password=jdbc-pw": "jdbc-pw",
    "Server=h;Uid=u;Pwd=odbc-pw;": "odbc-pw",
    "https://h/x?sig=sas-sig&se=1": "sas-sig",
    "https://h/x?X-Amz-Signature=amz-sig": "amz-sig",
    "https://hooks.slack.com/services/T0/B0/hook-1": "hook-1",
    "'password': 'with three words'": "three",
    r'{"a": "{\"password\": \"escaped-pw\"}"}': "escaped-pw",
    "Authorization: Token abc11": "abc11",
    "X-Api-Key: abc12": "abc12",
    "Cookie: session=abc13; b=abc13": "abc13",
    "sk_live_abcdefgh14": "abcdefgh14",
    "AIzaAbc15aaaaaaaaaaaaaaaaaaaaaaaaaaaa": "Abc15",
    "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.sig": "c2VjcmV0",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIabc16\n-----END RSA PRIVATE KEY-----": "MIIabc16",
    "-----BEGIN PRIVATE KEY-----\nMIIabc17, cut": "MIIabc17",
    "mysql --password cli-pw --host h": "cli-pw",
    "os.environ['SIGNING_KEY'] = 'abc18'": "abc18",
    "DB_PASS=abc19 MYSQL_PWD=x": "abc19",
}
NAMES = (
    "DB_PASS MYSQL_PWD SIGNING_KEY PASSPHRASE X_TOKEN X_SECRET X_API_KEY XAPIKEY X_CREDENTIALS AWS_SECRET_ACCESS_KEY"
    " PGPASSWORD apiKey client-secret AIRFLOW_CONN_DB AIRFLOW__CORE__FERNET_KEY PREFECT_API_AUTH_STRING SLACK_WEBHOOK"
)
NO_NAMES = (
    "max_tokens tokenizer token_count pass_rate bypass passes sort_key primary_key sig_level KEY author authority"
    " AWS_WEB_IDENTITY_TOKEN_FILE GOOGLE_APPLICATION_CREDENTIALS_PATH SECRET_NAME monkey keyboard"
)


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize("text", SECRETS)
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_name_says_that_it_is_one(name: str) -> None:
    assert is_secret(name)
    assert redacted_values({name: {"a": ["x", 7]}}) == {name: {"a": ["***", "***"]}}


@pytest.mark.parametrize("name", NO_NAMES.split())
def test_a_name_that_says_otherwise(name: str) -> None:
    assert not is_secret(name)
    assert redacted_values({name: "x"}) == {name: "x"}


def test_names_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SK", "pl4nted-1")
    assert redacted("pl4nted-1") == "pl4nted-1"
    monkeypatch.setenv(OWN_NAMES, "OTHER,stripe_*")
    assert redacted("pl4nted-1") == "***"
    assert redacted_values({"stripe_key_a": "x", OWN_NAMES: "y"}) == {"stripe_key_a": "***", OWN_NAMES: "y"}


@pytest.mark.parametrize(
    "text",
    [
        "step a of 2026-01-03 failed: no 3",
        "s3://lake/table@3",
        "https://host/path?x=1",
        "http://localhost:8080/users/a@b.example",
        "key=value",
        "secret_report: join failed: KeyError: 'token'",
        "token: expired; password=None; max_tokens=512",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("secret", ['we!rd p@ss/w"örd\n2', "Abc-123/x+y==", "plainpassword1", "<a href='x'>&9"])
def test_a_secret_is_masked_however_it_is_encoded(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", secret)
    spelt = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret), html.escape(secret)]
    spelt += [json.dumps(secret), json.dumps(secret, ensure_ascii=False), secret.encode().hex()]
    for one in spelt:
        assert redacted(f"a {one} b").strip("ab '\"") == "***"
    for user in ("", "a", "an", "ann"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(f"{user}:{secret}x".encode()).decode()
            masked = redacted(f"{encoded}")
            assert "***" in masked
            assert len(masked) <= len("***") + 12


@pytest.mark.parametrize("value", ["true", "no", "abc", "5432", "production", "Postgres", ""])
def test_a_word_that_stands_everywhere_is_no_secret(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", value)
    text = f"it is {value} that untrue notes at {value}. are abcd"
    assert redacted(text) == text


def test_a_short_secret_is_masked_as_a_word_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "p14nt")
    monkeypatch.setenv("B_TOKEN", "workshop")
    assert redacted("E=p14nt, p14nted, workshops, workshop") == "E=***, p14nted, workshops, ***"


def test_the_password_of_an_address_is_a_secret_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE", "postgresql://ann:pl4nted%2F2@h/db")
    assert redacted("no pl4nted/2, no pl4nted%2F2 for ann") == "no ***, no *** for ann"


def test_a_setting_is_hidden_from_then_on() -> None:
    hide([{"dsn": "pg://u:pl4nted-3@h", "opts": {"password": "pl4nted-4", "n": 7}}])
    assert redacted("pl4nted-3 pl4nted-4 7") == "*** *** 7"


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


class _Slots(Exception):  # noqa: N818
    __slots__ = ("dsn",)

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def __str__(self) -> str:
        return f"cannot reach {self.dsn}"


class _Stubborn(Exception):  # noqa: N818
    def __str__(self) -> str:
        return "no correct horse, ever"


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        ValueError({"dsn": "correct horse"}, b"correct horse", ["correct horse"], ("k", "correct horse")),
        _Slots("correct horse"),
        ExceptionGroup("two", [ValueError("correct horse"), KeyError("correct horse")]),
    ],
)
def test_an_error_keeps_none_however_it_holds_it(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "correct horse")
    error.add_note("a note: correct horse")
    outer = _raised(RuntimeError("outer"), error)
    scrub(outer)
    assert "correct horse" not in "".join(traceback.format_exception(outer))
    assert safe(outer)


def test_an_error_that_cannot_be_changed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    error = _raised(RuntimeError("outer"), _Stubborn())
    assert safe(error)
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "correct horse")
    scrub(error)
    assert not safe(error)
