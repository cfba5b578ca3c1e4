"""The portal as it is, but with room for few streams and little patience, or with much: for a WSGI
server of the tests.
"""

from flask import Flask

from portal.app import create_app
from portal.serve.worker import Worker
from portal.settings import Settings
from portal.web.hub import Hub
from portal.web.services import KEY as SERVICES
from portal.web.stream import KEY

PER_LEARNER, PER_WORKER, SLOW_READER_S = 2, 4, 1.5


def create() -> Flask:
    """The app, with the settings of the environment."""
    app = create_app(Settings.from_environment())
    app.extensions[KEY] = Hub(
        app.extensions[SERVICES].client.redis,
        per_learner=PER_LEARNER,
        per_worker=PER_WORKER,
        heartbeat_s=0.5,
        slow_reader_s=SLOW_READER_S,
    )
    return app


class Quick(Worker):
    """Waits for no client longer than a test would."""

    request_s = queued_s = send_s = linger_silent_s = 1.0


class Patient(Worker):
    """Waits for a client longer than any test: what is answered meanwhile has not waited for it."""

    request_s = queued_s = send_s = linger_silent_s = linger_s = 600.0


class Small(Patient):
    """Holds few bytes of requests that are not whole."""

    arriving_bytes = 1_000
