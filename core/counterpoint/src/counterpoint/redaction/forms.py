"""Texts with the form of a secret: passwords in addresses, headers, signatures, keys of known services."""

from __future__ import annotations

import re

from counterpoint.redaction.names import is_secret

MASK = "***"
# words in place of a value that are no secrets
_HARMLESS = re.compile(
    r"json|value|"
    r"true|false|none|null|nil|yes|no|on|off|default|unset|empty|missing|required|expired|invalid|unknown|"
    r"absent|optional|enabled|disabled|redacted|string|str|bytes|int|dict|list|bool|local|localhost|prod|"
    r"production|staging|dev|test|root|admin|user|guest|public|postgres|airflow|dagster|prefect|basic|bearer|"
    r"token|password|secret"
)
_SHORT_NUMBER = 4

_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_HOOKS = re.compile(
    r"(https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|[\w.-]*webhook\.office\.com|chat\.googleapis\.com|api\.telegram\.org)/)[^\s\"'<>]+"
)
# schemes in which a user name without a password is no secret
_DATABASES = r"(?:postgres|mysql|mariadb|mssql|oracle|redis|mongodb|amqp|s?ftp|ssh|ldap|git:)"
_USER_INFO = (
    # scheme://user:password@host; the password of a database may hold @ and /, but a number is a port, with its path
    (re.compile(r"(\b(?!https?:)\w[\w+.-]*://[^\s:/@\"'?#]*:)(?!\d+[/?#])[^\s,\"'?]+(?=@)"), rf"\g<1>{MASK}"),
    (re.compile(r"(\w[\w+.-]*://[^\s:/@\"'?#]*:)[^\s/\"'?#]+(?=@)"), rf"\g<1>{MASK}"),
    (re.compile(r"(\w[\w+.-]*://[^\s:/@\"'?#]*:)(?!\*\*\*@|\d+[/?#])[^\s@\"']+(?=@)"), rf"\g<1>{MASK}"),
    # scheme://token@host
    (re.compile(rf"(\b(?!{_DATABASES})\w[\w+.-]*://)[^\s:/@\"'?#]+(?=@)"), rf"\g<1>{MASK}"),
)
_AUTHORIZATION = re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?:[a-z][\w-]*[ \t]+)?[^\s\"']+")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)[^\r\n\"']+")
_SCHEME = re.compile(r"(?i)\b(bearer|basic|digest|negotiate)(\s+)[\w.~+/=-]{8,}")
_KEYS = re.compile(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}"
    r"|[rsp]k_(?:live|test)_\w{8,}|sk-[\w-]{20,}|AIza[\w-]{20,}|ya29\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{16,}"
    r"|hf_[A-Za-z0-9]{20,}|dckr_pat_[\w-]{16,}|dapi[0-9a-f]{32}|hvs\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*|AGE-SECRET-KEY-\w{16,})"
)
# `name = `, `"name": `, `\"name\": `, `--name `; a name is searched for in the value of another, too
_NAMED = re.compile(
    r"([A-Za-z_][\w.-]{0,80})(\\*[\"']?\]?\s*(?:=>|:=|=|:)\s*)|(?<!\S)(--?[A-Za-z][\w-]{2,60})([ \t]+)(?=[^-\s])"
)
_BARE = r"[^\s\"'`&,;)}\]<>]+"
_VALUE = re.compile(rf"\\+\"[^\"]*\"|\\+'[^']*'|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[\"']?{_BARE}", re.DOTALL)


def without_forms(text: str) -> str:
    """The text, with everything masked that has the form of a secret or follows a secret's name."""
    if "PRIVATE KEY" in text:
        text = _BLOCK.sub(MASK, text)
    if "://" in text:
        text = _HOOKS.sub(rf"\g<1>{MASK}", text)
        for pattern, masked in _USER_INFO:
            text = pattern.sub(masked, text)
    for pattern in (_AUTHORIZATION, _COOKIE):
        text = pattern.sub(rf"\g<1>{MASK}", text)
    text = _SCHEME.sub(rf"\g<1>\g<2>{MASK}", text)
    return _without_named(_KEYS.sub(MASK, text))


def _without_named(text: str) -> str:
    parts, end = list[str](), 0
    for match in _NAMED.finditer(text):
        if match.start() < end or not _is_secret(match):
            continue
        value = _VALUE.match(text, match.end())
        if value and _is_worth_masking(value[0]):
            parts += [text[end : value.start()], _masked(value[0])]
            end = value.end()
    return "".join([*parts, text[end:]])


def _is_secret(match: re.Match[str]) -> bool:
    name, between, flag, _ = match.groups()
    return is_secret(flag) if flag else is_secret(name, prose=between == ": ")


def is_word(value: str) -> bool:
    """Whether a value is such a common word that masking it would make texts unreadable."""
    return bool(_HARMLESS.fullmatch(value.lower()))


def _is_worth_masking(value: str) -> bool:
    """Whether a value is worth masking: not if it is empty, or a word that says there is none."""
    bare = value.strip("\"'\\")
    if not bare or bare.startswith(MASK) or (bare.isdecimal() and len(bare) < _SHORT_NUMBER):
        return False
    return not is_word(bare.rstrip(".:"))


def _masked(value: str) -> str:
    """The mask in the quotes of the value."""
    quotes = re.match(r"\\*[\"']", value)
    if not quotes:
        return MASK
    return f"{quotes[0]}{MASK}{quotes[0] if value.endswith(quotes[0]) and len(value) > 1 else ''}"
