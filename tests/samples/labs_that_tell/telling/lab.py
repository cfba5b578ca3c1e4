"""Notes every secret that is made in a sandbox and everything that is started there, for a call of
the tests' own: `tell-secrets`. No lab has to help, so that a new one is looked at as well.

It is loaded into the process that sandboxes are forked from. The lab that stands here is redis-auth
with an action that puts a token where none may be: so a test sees that it is found.
"""

import importlib
import logging
import os
import secrets
import subprocess
import sys
from dataclasses import replace
from functools import wraps
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from labs.agent.calls import CALLS
from labs.catalogue.redis_auth.lab import lab as redis_auth
from labs.lab import Choice
from labs.setups.access.tokens import Tokens

NO_SECRETS = {
    ("labs.agent.agent", "outcome"),  # the number of an outcome
    ("labs.setups.access.iam", "_new_access_key"),  # the name of a key
    ("labs.setups.replication.members", "lag"),  # a value that is written and read
}
"""Functions that make what is random and no secret."""
made, started = [], []


def note(value, frame):
    """Keep a secret, with the place where it was made."""
    place = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    if place[0].startswith("labs.") and place not in NO_SECRETS:
        made.append((".".join(place), value.hex()))


def noting(make, as_bytes):
    """The same function; what it makes is noted."""

    @wraps(make)
    def noted(*args, **kwargs):
        value = make(*args, **kwargs)
        note(as_bytes(value), sys._getframe(1))
        return value

    return noted


def private_number(key):
    return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")


def signature(url):
    return parse_qs(urlsplit(url).query)["X-Amz-Signature"][0].encode()


class NotingPopen(subprocess.Popen):  # type: ignore[type-arg]
    """Starts a program, and notes its command line and its environment."""

    def __init__(self, args, *more, env=None, **options):
        started.append((str(args), str(env)))
        super().__init__(args, *more, env=env, **options)


def tell_secrets(sandbox, _args):
    return {"secrets": made, "started": started, "records": list(sandbox.records)}


RequestSigner = importlib.import_module("botocore.signers").RequestSigner

if "zygote" in os.path.basename(sys.argv[0]):
    secrets.token_hex = noting(secrets.token_hex, str.encode)
    secrets.token_urlsafe = noting(secrets.token_urlsafe, str.encode)
    ec.generate_private_key = noting(ec.generate_private_key, private_number)
    RequestSigner.generate_presigned_url = noting(RequestSigner.generate_presigned_url, signature)
    subprocess.Popen = NotingPopen  # type: ignore[misc]
    CALLS["tell-secrets"] = tell_secrets

PLACES = (
    "events answers outcomes tables server-logs host-log command-lines environments files".split()
)
PLACE = Choice("place", "Place", tuple((place, place) for place in PLACES), "events")
lab = replace(redis_auth, id="telling")


@lab.action("Tell", gear="step", fields=(PLACE,))
def tell(sandbox, place):
    """A token in this place."""
    token, folder = sandbox.part(Tokens).made[0], sandbox.directory
    match place:
        case "events":
            sandbox.say(f"It is {token}.")
        case "answers":
            return token
        case "outcomes":
            sandbox.outcome("check", "let-in", "met", {"evidence": token})
        case "tables":  # half of it, as a row of a tap shows it
            row = {"bytes": token[7:23].encode().hex(" ")}
            sandbox.tabulate("calls", [{"source": row["bytes"]}])
        case "server-logs":
            with next(folder.glob("**/cache/log")).open("a") as log:
                log.write(token)
        case "host-log":
            logging.getLogger("labs").warning("the token is %s", token)
        case "command-lines":
            subprocess.run(["/usr/bin/true", token], env={}, check=True)
        case "environments":
            subprocess.run(["/usr/bin/true"], env={"TOKEN": token}, check=True)
        case "files":
            (folder / "token").write_text(token)
            (folder / "token").chmod(0o644)
    return "It is done."
