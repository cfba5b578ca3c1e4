"""The portal as it is, but one learner may have many streams: so that ten sandboxes can have four
hundred readers.
"""

from __future__ import annotations

from flask import Flask

from portal.app import create_app
from portal.settings import Settings
from portal.web.hub import Hub
from portal.web.services import KEY as SERVICES
from portal.web.stream import KEY

STREAMS_OF_A_LEARNER = 60


def create() -> Flask:
    """The app, with the settings of the environment."""
    app = create_app(Settings.from_environment())
    app.extensions[KEY] = Hub(
        app.extensions[SERVICES].client.redis, per_learner=STREAMS_OF_A_LEARNER
    )
    return app
