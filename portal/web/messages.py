"""What is said once, on the next page: Flask's own session cookie, which holds nothing else."""

from __future__ import annotations

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer


def install(app: Flask) -> None:
    """Have the app make its serializer once; Flask would make one for every request, most of which
    have no message.
    """
    app.session_interface = _OneSerializer()


class _OneSerializer(SecureCookieSessionInterface):
    def __init__(self) -> None:
        self._made: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        self._made = self._made or super().get_signing_serializer(app)
        return self._made
