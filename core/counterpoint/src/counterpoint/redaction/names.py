"""Names of variables and settings whose value is a secret."""

from __future__ import annotations

import itertools
import os
import re
from fnmatch import fnmatchcase
from functools import lru_cache

# names or globs of the user's own, separated by commas, such as STRIPE_SK,ACME_*
SECRETS = "COUNTERPOINT_SECRETS"
# the prefix of the variables that pass the values of secret settings, as JSON
PREFIX = "COUNTERPOINT_SETTING_"

# the shell's, of folders
_FOLDERS = ("PWD", "OLDPWD")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ANYWHERE = re.compile(
    r"secret|secrets|password|passwords|passwd|passphrase|passcode|pwd|token|credential|credentials|creds|jwt|"
    r"cookie|cookies|webhook|authorization"
)
# `pass_rate`, `sig_level` and `auth_manager` are no secrets
_LAST = re.compile(r"pass|auth|signature|sig|sas|pat|bearer|otp|totp")
# PGPASSWORD, accesstoken; not `bypass`
_END = re.compile(
    r"(?:password|passwd|passphrase|secret|credentials?|token|apikey|accesskey|secretkey|privatekey|authkey"
    r"|(?:db|my|ssh|ftp|user|admin|root)pass|(?:my|my_?sql|db)pwd)$"
)
_KEYS = re.compile(
    r"api|access|private|secret|signing|signature|encryption|fernet|master|shared|account|storage|auth|service|"
    r"client|deploy|hmac|jwt|webhook|subscription|license|session|cookie|cipher|aes|rsa|ssh|ssl|tls|gpg|pgp"
)
# last words of names whose value is about a secret but is none: AWS_WEB_IDENTITY_TOKEN_FILE, token_count
_ABOUT = re.compile(
    r"file|path|dir|folder|home|host|port|user|username|name|type|kind|ttl|seconds|minutes|hours|expires|"
    r"expiry|expiration|endpoint|count|limit|limits|size|length|max|min|budget|rate|version|region|algorithm|"
    r"policy|prefix|header|field|column|columns|enabled|required|backend|manager|provider|scope|scopes"
)
_CONNECTION = re.compile(r"AIRFLOW_CONN_|(?:^|_)SQL_?ALCHEMY_CONN(?:$|_)|(?:^|_)CONNECTION_STRING$|AUTH_STRING$")


def is_secret(name: str, *, prose: bool = False) -> bool:
    """Whether the value of a variable or setting of that name is a secret.

    In `prose` only the name's last word counts: a step `secret_report` is no secret.
    """
    return _is_secret(name, os.environ.get(SECRETS, ""), prose)


@lru_cache(maxsize=4096)
def _is_secret(name: str, own: str, prose: bool) -> bool:  # noqa: FBT001 - the key of a cache
    if name in {SECRETS, *_FOLDERS}:
        return False
    globs = [glob.strip().upper() for glob in own.split(",") if glob.strip()]
    if any(fnmatchcase(name.upper(), glob) for glob in globs):
        return True
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and not _ABOUT.fullmatch(words[-1]) and _says(words[-2:] if prose else words, name, prose=prose)


def _says(words: list[str], name: str, *, prose: bool) -> bool:
    telling = words[-1:] if prose else words
    if _CONNECTION.search(name.upper()) or _LAST.fullmatch(words[-1]):
        return True
    if any(_ANYWHERE.fullmatch(word) or _END.search(word) for word in telling):
        return True
    pairs = list(itertools.pairwise(words))
    return any(_KEYS.fullmatch(before) and word == "key" for before, word in pairs)
