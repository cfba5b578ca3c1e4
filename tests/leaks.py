"""What a secret of a run may look like where it must not be, and a supervisor that looks for each
secret of each of its sandboxes when it ends.
"""

import base64
import contextlib
import json
import logging
import os
import re
import shutil
import stat
import urllib.parse
from collections import defaultdict
from pathlib import Path

from labs.errors import UnknownSandbox
from labs.events import encode
from labs.headless import own_supervisor

SAMPLE = Path(__file__).resolve().parent / "samples/labs_that_tell"
PIECE, EVERY = 12, 4
"""Any fifteen characters of a secret in a row have one of its pieces in them."""
_BYTES = rf"(?:[0-9a-f]{{2}} ){{{PIECE - 1},}}[0-9a-f]{{2}}"


def pieces(secret):
    """Pieces of a secret, in each form in which it could be shown."""
    hidden = secret.hex()
    forms = [hidden, secret.hex(" ")]
    if secret.isascii() and secret.decode("ascii").isprintable():
        text = secret.decode()
        forms += [text, text[::-1], urllib.parse.quote(text, safe="")]
    for before in range(3):  # what stands before it decides how base64 cuts it
        encoded = base64.b64encode(bytes(before) + secret).decode()
        forms.append(encoded[4 * (before > 0) : -4])
    for form in forms:
        length = PIECE * (3 if " " in form else 1)
        step = EVERY * (3 if " " in form else 1)
        for at in range(0, max(1, len(form) - length + 1), step):
            yield form[at : at + length]


def leaked(secrets, text):
    """The names of those secrets (name, value) of which there is a piece in a text. None has a
    space or a quote in it.
    """
    # Pages, feeds and states repeat each other: looking through the rest takes a hundredth.
    long = set(re.findall(rf'[^\s"]{{{PIECE},}}', text)) | set(re.findall(_BYTES, text))
    words = "\n".join(long)
    return sorted({name for name, one in secrets if any(part in words for part in pieces(one))})


def secrets_in(told):
    """The secrets of an answer to `tell-secrets`, as (where it was made, the secret)."""
    return [(name, bytes.fromhex(value)) for name, value in told["secrets"]]


class Heard(logging.Handler):
    """Keeps all that is logged in this process."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.lines = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record):
        self.lines.append(self.format(record))

    @contextlib.contextmanager
    def listening(self):
        logging.getLogger().addHandler(self)
        try:
            yield self
        finally:
            logging.getLogger().removeHandler(self)


class Looking:
    """A supervisor; at the end of a sandbox no secret of it may be where others could see it."""

    def __init__(self, supervisor, heard):
        self._supervisor, self._heard = supervisor, heard
        self._said = defaultdict(lambda: defaultdict(list))

    def __getattr__(self, name):
        return getattr(self._supervisor, name)

    def open(self, lab, settings, *, on_event=lambda _: None, on_outcome=lambda _: None, **more):
        said = defaultdict(list)

        def take_event(entry):
            said["events"].append(encode(entry))
            on_event(entry)

        def take_outcome(outcome):
            said["outcomes"].append(outcome)
            on_outcome(outcome)

        sandbox = self._supervisor.open(
            lab, settings, on_event=take_event, on_outcome=take_outcome, **more
        )
        self._said[sandbox] = said
        return sandbox

    def call(self, sandbox, call, **args):
        answer = self._supervisor.call(sandbox, call, **args)
        self._said[sandbox]["answers"].append(answer)
        return answer

    def end(self, sandbox, why, *, gently=False):
        found = {}
        if sandbox in self._said:
            with contextlib.suppress(UnknownSandbox):  # it has ended
                found = self.look(sandbox)
            del self._said[sandbox]
        self._supervisor.end(sandbox, why, gently=gently)
        assert found == {}, "a secret of this sandbox stands where it can be read"

    def forget(self, sandbox):
        """Look for nothing in what the sandbox has said until now."""
        self._said[sandbox].clear()

    def secrets(self, sandbox):
        """The secrets that were made in a sandbox, as (where it was made, the secret)."""
        return secrets_in(self._supervisor.call(sandbox, "tell-secrets"))

    def look(self, sandbox):
        """In which places of a sandbox, and of its host, its secrets are found."""
        told = self._supervisor.call(sandbox, "tell-secrets")
        secrets, started = secrets_in(told), told["started"]
        assert secrets, "none was noted, so none can be found"
        records = [self._supervisor.call(sandbox, "record", name=one) for one in told["records"]]
        texts = {
            "records": json.dumps(records),
            **{place: json.dumps(said) for place, said in self._said[sandbox].items()},
            "host-log": "\n".join(self._heard.lines),
            "command-lines": "\n".join(argv for argv, _ in started),
            "environments": "\n".join(environment for _, environment in started),
            **processes(self._supervisor.processes(sandbox)),
            **files(self._supervisor.process(sandbox).directory),
        }
        found = {place: leaked(secrets, text) for place, text in texts.items()}
        return {place: names for place, names in found.items() if names}


def processes(family):
    """The command lines and the environments of processes, as whoever may read them does."""
    texts = {}
    for process in family:
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{process.pid}/{name}").read_bytes().decode(errors="replace")
                texts[f"{name} of {process.pid}"] = text
    return texts


def files(folder):
    """What another user could read in a sandbox's folder, and its logs. The folder itself must be
    shut for others.
    """
    texts = {"server-logs": "", "files": ""}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for below, _, names in os.walk(folder):
        for path in (Path(below, name) for name in names):
            with contextlib.suppress(OSError):  # it may go meanwhile
                is_log = path.name == "log" or path.suffix == ".log"
                mode = path.lstat().st_mode
                if stat.S_ISREG(mode) and (is_log or mode & 0o077):
                    text = path.read_bytes().decode(errors="replace")
                    texts["server-logs" if is_log else "files"] += text
    return texts


@contextlib.contextmanager
def telling(folder):
    """Meanwhile sandboxes that are opened tell their secrets, when they are asked by `Looking`.
    `folder` is one that sandboxes of other users can read.
    """
    labs, before = folder / "labs-that-tell", os.environ.get("CACHEGROUND_LABS")
    if not labs.exists():
        shutil.copytree(SAMPLE, labs, ignore=shutil.ignore_patterns("__pycache__"))
    os.environ["CACHEGROUND_LABS"] = str(labs)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CACHEGROUND_LABS"]
        else:
            os.environ["CACHEGROUND_LABS"] = before


@contextlib.contextmanager
def looking_supervisor(folder):
    """A supervisor of its own, ready, that looks."""
    with telling(folder), Heard().listening() as heard, own_supervisor() as supervisor:
        supervisor.wait_ready()
        yield Looking(supervisor, heard)
