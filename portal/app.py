"""The app: `create_app` reads like a table of contents. Connects to nothing."""

from __future__ import annotations

from flask import Flask
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import access
from portal.accounts import routes as accounts
from portal.bench import actions, predictions, records, routes as bench
from portal.content.loading import load
from portal.glossary import routes as glossary
from portal.learn import pieces, routes as learn
from portal.notes import routes as notes
from portal.patterns import routes as patterns
from portal.quizzes import routes as quizzes
from portal.settings import ROOT, Settings
from portal.web import (
    assets,
    compression,
    csrf,
    errors,
    headers,
    health,
    hosts,
    learner,
    services,
    terms,
)


def create_app(settings: Settings) -> Flask:
    """A whole site. Reads the lessons from disk; connects to nothing."""
    app = Flask("portal", static_folder=None, template_folder=str(ROOT / "templates"))
    app.secret_key = settings.secret_key
    app.config.update(
        MAX_CONTENT_LENGTH=errors.MAX_REQUEST_BYTES,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True}
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        # as Flask's manual does it
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]

    Htmx(app)
    lessons = load(settings.lessons)
    services.install(app, settings, lessons)
    compression.install(app)
    errors.install(app)
    hosts.install(app, settings.trusted_hosts)
    csrf.install(app)
    headers.install(app)
    learner.install(app)
    access.install(app)
    assets.install(app)
    terms.install(app)

    for feature in (
        health,
        learn,
        quizzes,
        bench,
        actions,
        predictions,
        records,
        accounts,
        glossary,
        notes,
        patterns,
    ):
        app.register_blueprint(feature.bp)
    access.check(app)
    pieces.install(app, lessons.lessons.values())
    return app
