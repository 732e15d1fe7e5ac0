"""Keeping secrets out of all output: messages, logs, records, databases, alerts, reports.

A secret is recognized by its name (a variable or setting such as `DB_PASS`, or one that `COUNTERPOINT_SECRETS` lists)
and masked wherever its value occurs, also encoded; or by its form (a token in an address, a signature, a key block).
If `COUNTERPOINT_ROW_VALUES` is off, values of rows are left out, too.
"""

from __future__ import annotations

from counterpoint.redaction.errors import safe, scrub
from counterpoint.redaction.forms import MASK
from counterpoint.redaction.names import SECRETS, is_secret
from counterpoint.redaction.rows import UNSHOWN, checked, row_value, shows_rows
from counterpoint.redaction.settings import is_sealed, sealed, unsealed
from counterpoint.redaction.streams import Redacting, mask_streams
from counterpoint.redaction.text import hide, redacted, redacted_values

__all__ = [
    "MASK",
    "SECRETS",
    "UNSHOWN",
    "Redacting",
    "checked",
    "hide",
    "is_sealed",
    "is_secret",
    "mask_streams",
    "redacted",
    "redacted_values",
    "row_value",
    "safe",
    "scrub",
    "sealed",
    "shows_rows",
    "unsealed",
]
