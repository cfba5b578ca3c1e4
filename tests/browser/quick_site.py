"""The portal with streams that beat each second, so that a page loses its patience within a test:
every time that it waits follows from the heartbeat.
"""

from __future__ import annotations

from flask import Flask

from portal.app import create_app
from portal.settings import Settings
from portal.web.hub import Hub
from portal.web.services import KEY as SERVICES
from portal.web.stream import KEY, stop_on_signals


def create() -> Flask:
    """The app, with the settings of the environment."""
    app = create_app(Settings.from_environment())
    app.extensions[KEY] = Hub(app.extensions[SERVICES].client.redis, heartbeat_s=1.0)
    stop_on_signals(app)
    return app
