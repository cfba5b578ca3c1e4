"""The event stream of a sandbox as an HTTP response, and the one hub of an app."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask, Request, Response

from portal.web.arguments import read_whole_number, whole_number
from portal.web.errors import USUAL_RETRY_S, try_again
from portal.web.hub import Hub, TooManyStreams
from portal.web.services import KEY as SERVICES

KEY = "cacheground.hub"


def stream_response(hub: Hub, request: Request, *, sandbox: str, learner: str) -> Response:
    """The stream after Last-Event-ID, else `?after=`; 503 where there is no place for it, which
    includes that of another stream of the learner if the page asks for it `politely`. BadInput if
    the number is none.
    """
    last = request.headers.get("Last-Event-ID")
    after = read_whole_number("Last-Event-ID", last) if last else whole_number("after")
    connection = request.environ.get("gunicorn.socket")
    try:
        polite = "politely" in request.args
        stream = hub.join(sandbox, learner, after, connection, may_end_another=not polite)
    except TooManyStreams:
        headers = {
            "Retry-After": str(USUAL_RETRY_S),
            "Content-Type": "text/plain; charset=utf-8",
        }
        return Response(
            f"Too many streams are open just now. {try_again(USUAL_RETRY_S)}\n", 503, headers
        )
    if connection is not None:
        connection.settimeout(hub.slow_reader_s)
    response = Response(
        hub.messages(stream),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.call_on_close(lambda: hub.leave(stream))
    return response


_making = threading.Lock()


def hub_of(app: Flask) -> Hub:
    """The one hub of this app, made when it is first asked for."""
    with _making:
        if KEY not in app.extensions:
            app.extensions[KEY] = Hub(app.extensions[SERVICES].client.redis)
        hub: Hub = app.extensions[KEY]
        return hub


def leave_room(app: Flask, connections: int) -> None:
    """Let streams have no more than three quarters of a process's connections."""
    if SERVICES not in app.extensions:
        return
    hub = hub_of(app)
    hub.per_worker = min(hub.per_worker, max(1, connections * 3 // 4))


def stop_on_signals(app: Flask) -> None:
    """End the app's streams at SIGTERM, SIGINT and SIGQUIT, then do what was done before."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        before = signal.getsignal(number)

        def stop(
            signum: int, frame: FrameType | None, before: Callable[..., Any] | int | None = before
        ) -> None:
            if KEY in app.extensions:
                hub_of(app).stop()
            if callable(before):
                before(signum, frame)
            elif before == signal.SIG_DFL:
                signal.signal(signum, signal.SIG_DFL)
                signal.raise_signal(signum)

        signal.signal(number, stop)
