"""What comes in with a request, read: numbers of an address, names of a form.

What can't be meant is BadInput, which says what would be right; numbers that people type are read
by `labs.lab.number_from`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from flask import request

from labs.errors import BadInput

LARGEST_DIGITS = 15


def whole_number(name: str, default: int = 0) -> int:
    """The number from 0 up that the address has under this name, else the default. BadInput as
    from `read_whole_number`.
    """
    raw = request.args.get(name, "")
    return read_whole_number(name, raw) if raw else default


def read_whole_number(name: str, raw: str) -> int:
    """The number from 0 up that stands there; BadInput, which says the name, for what is none or
    has more than 15 digits.
    """
    if not re.fullmatch(rf"[0-9]{{1,{LARGEST_DIGITS}}}", raw):
        raise BadInput(
            f"“{name}” is a whole number from 0 up, of {LARGEST_DIGITS} digits at most.",
            hint="Reload the page and try again.",
        )
    return int(raw)


def new_key() -> str:
    """A key for a form: however often the form is sent, what it makes is made once."""
    return secrets.token_hex(16)


def form_key() -> str:
    """The key of the form that was sent; a new one if it has none."""
    key = request.form.get("form-key", "")
    return key if re.fullmatch(r"[0-9a-f]{32}", key) else new_key()


def form_fields() -> Mapping[str, str]:
    """The fields of the form by name, the first of each; a field without a name is left out."""
    return {name: value for name, value in request.form.items() if name}
