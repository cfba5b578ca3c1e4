"""What can be said of the Postgres engine without starting one."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from labs.clients.address import Address
from labs.engines.postgres import Postgres, scram_verifier
from labs.errors import DidNotStart


def test_the_verifier_is_what_postgres_would_compute():
    kind, iterations_salt, keys = scram_verifier("a secret").split("$")
    iterations, salt = iterations_salt.split(":")
    stored, server = (base64.b64decode(part) for part in keys.split(":"))
    salted = hashlib.pbkdf2_hmac("sha256", b"a secret", base64.b64decode(salt), int(iterations))

    assert kind == "SCRAM-SHA-256"
    assert stored == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert server == hmac.digest(salted, b"Server Key", "sha256")


def test_two_sandboxes_never_store_the_same_for_one_password():
    assert scram_verifier("a secret") != scram_verifier("a secret")


@pytest.mark.parametrize("name", ["x" * 120, "é" * 50], ids=["letters", "bytes"])
def test_a_directory_too_long_for_a_socket_is_said_so(name):
    with pytest.raises(DidNotStart, match="too long"):
        Postgres("database", Address("127.0.0.1", 5432), Path("/", name), "a secret").launch()


def test_secrets_are_not_in_the_command_line_nor_in_the_text_of_the_object():
    server = Postgres("database", Address("127.0.0.1", 5432), Path("/tmp/x"), "a secret")

    assert "a secret" not in repr(server)
    assert "a secret" not in " ".join(server.launch().argv)
