"""That tests/leaks.py finds a secret in each form in which it could be shown, and nothing else."""

import base64
import json
import re
import secrets
from pathlib import Path

import pytest

from tests.leaks import PIECE, leaked

LABS = Path(__file__).resolve().parents[2] / "labs"
SECRET = secrets.token_urlsafe(24)
FORMS = {
    "as it is": SECRET,
    "within a sentence": f"The token is {SECRET}.",
    "in JSON": json.dumps({"token": SECRET}),
    "in an attribute": f"&#34;token&#34;:&#34;{SECRET}&#34;",
    "the first half": SECRET[:16],
    "any fifteen characters": SECRET[9:24],
    "backwards": SECRET[::-1],
    "hexadecimal": SECRET.encode().hex(),
    "a row of a tap": SECRET[5:21].encode().hex(" "),
    **{
        f"base64 behind {before} bytes": base64.b64encode(b"\0" * before + SECRET.encode()).decode()
        for before in range(3)
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form):
    assert leaked([("it", SECRET.encode())], FORMS[form]) == ["it"]


def test_the_number_of_a_key_is_found_in_its_file():
    number = secrets.token_bytes(32)
    file = base64.encodebytes(b"what stands before it in a file...." + number).decode()

    assert leaked([("key", number)], file) == ["key"]


@pytest.mark.parametrize(
    "text",
    ["", "token 2", SECRET[: PIECE - 1], secrets.token_urlsafe(24), "0" * 10_000],
    ids=["nothing", "a name", "less than a piece", "another secret", "zeros"],
)
def test_nothing_else_is_found(text):
    assert leaked([("it", SECRET.encode()), ("key", secrets.token_bytes(32))], text) == []


def test_labs_make_secrets_in_ways_that_are_noted_alone():
    """What tests/samples/labs_that_tell notes; a salt is no secret."""
    others = re.compile(
        r"os\.urandom|uuid\.uuid|SystemRandom|secrets\.(?:choice|rand|token_bytes)"
        r"|from secrets import|asymmetric import (?!ec$)|from \S+\.ec import",
        re.MULTILINE,
    )
    found = {
        str(path.relative_to(LABS)): others.findall(path.read_text())
        for path in LABS.glob("**/*.py")
    }

    assert {path: ways for path, ways in found.items() if ways} == {
        "engines/postgres.py": ["secrets.token_bytes"]
    }
