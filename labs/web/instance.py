"""One instance of the shop: a process that answers HTTP, with a session store that its
configuration names. Keeps nothing but what that store keeps.

A traced request reports to the sandbox over a socket: each command to the store, and in step gear
each line, which then waits until the sandbox lets it go on.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any
from urllib.parse import parse_qsl

from labs.caching import sessions
from labs.web import http
from labs.web.settings import Settings
from labs.web.stores import (
    KEY,
    MemcachedStore,
    Memory,
    MemoryStore,
    Pool,
    RedisStore,
    Session,
    Store,
    StoreDown,
    resp,
)

COOKIE = "Path=/; HttpOnly; Secure; SameSite=Lax"
WAIT_S = 130.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_USER = re.compile(r"[A-Za-z0-9-]{1,24}")
_ITEM = re.compile(r"[A-Za-z ]{1,24}")


class Request:
    """What a handler sees of a request."""

    def __init__(self, message: http.Message) -> None:
        pairs = (part.strip().partition("=") for part in message.header("cookie").split(";"))
        # An id that no server of ours could have issued is no id.
        self.cookies = {name: value for name, _, value in pairs if _ID.fullmatch(value)}
        self.form = dict(parse_qsl(message.body.decode("utf-8", "replace")))


class Limits:
    """How long a session may live, in seconds."""

    def __init__(self, idle_s: float, absolute_s: float, sliding: bool) -> None:
        self.idle_s, self.absolute_s, self.sliding = idle_s, absolute_s, sliding


class Reporter:
    """Reports to the sandbox what one request does. A request without a number reports nothing."""

    def __init__(self, path: str, message: http.Message, instance: str) -> None:
        self._connected: socket.socket | None = None
        number = message.header("x-request-id")
        self.steps = bool(message.header("x-step"))
        if number:
            with contextlib.suppress(OSError):
                self._connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._connected.settimeout(WAIT_S)
                self._connected.connect(path)
                self.report({"request": number, "instance": instance})

    def report(self, news: dict[str, Any]) -> None:
        """Send one line of JSON."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                self._connected.sendall(json.dumps(news).encode() + b"\n")

    def wait(self) -> None:
        """Wait until the sandbox lets the request go on, or has closed its end."""
        if self._connected is not None:
            with contextlib.suppress(OSError):
                if self._connected.recv(1) == b"":
                    self.steps = False

    def close(self) -> None:
        """End the report."""
        if self._connected is not None:
            self._connected.close()


class Instance:
    """The shop."""

    def __init__(self, path: str) -> None:
        self.settings = Settings(path)
        self._memory = Memory()
        self._counts = {"requests": 0, "signed_in": 0, "signed_out": 0}
        self._lock = threading.Lock()
        now = self.settings.now()
        host, port, user, password = now["redis"]
        self._redis = Pool(host, port, greet=lambda line: resp(line, "AUTH", user, password))
        self._memcached = Pool(*now["memcached"])

    def handle(self, message: http.Message) -> http.Message:
        """The answer to any request."""
        settings = self.settings.now()
        if message.path == "/health":
            return _json(200, {"version": sys.version.split()[0]})
        if message.path.startswith("/-/"):
            return self._internal(message, settings)
        reporter = Reporter(settings["reports"], message, settings["node"])
        try:
            answer = self._serve(message, settings, reporter)
        except StoreDown as exc:
            answer = _json(
                503, {"says": f"{exc} Nobody can be recognised.", "user": "", "cart": []}
            )
        finally:
            reporter.close()
        answer.headers += [("X-Instance", settings["name"]), ("Cache-Control", "no-store")]
        return answer

    def _serve(
        self, message: http.Message, settings: dict[str, Any], reporter: Reporter
    ) -> http.Message:
        request = Request(message)
        limits = Limits(settings["idle_s"], settings["absolute_s"], settings["sliding"])
        store = self._store(settings["store"], settings["node"], reporter)
        sid, session, came_with = "", None, request.cookies.get("sid", "")
        match message.method, message.path.split("?")[0]:
            case "POST", "/login":
                if not _USER.fullmatch(request.form.get("user", "")):
                    return _json(422, {"says": "Who are you?", "user": "", "cart": []})
                sid, session = self._run(
                    _named(settings["log_in"]), reporter, request, store, limits
                )
                says = f"Welcome, {session['user']}."
            case "POST", "/cart":
                if not _ITEM.fullmatch(request.form.get("item", "")):
                    return _json(422, {"says": "Which item?", "user": "", "cart": []})
                sid, session = self._run(sessions.add_to_cart, reporter, request, store, limits)
                says = f"{request.form['item']} is in your cart."
            case "POST", "/logout":
                self._run(sessions.log_out, reporter, request, store)
                says = "You are logged out."
            case "GET", "/":
                session = self._run(_named(settings["page"]), reporter, request, store, limits)
                says = (
                    f"Hello again, {session['user']}."
                    if session and session["user"]
                    else "Please log in."
                )
            case _:
                return _json(404, {"says": "There is no such page.", "user": "", "cart": []})
        session = session or {"user": "", "cart": []}
        self._count(bool(session["user"]))
        answer = _json(200, {"says": says, "user": session["user"], "cart": session["cart"]})
        if sid and sid != came_with:
            answer.headers.append(("Set-Cookie", f"sid={sid}; {COOKIE}"))
        if message.path == "/logout":
            answer.headers.append(("Set-Cookie", f"sid=; Max-Age=0; {COOKIE}"))
        return answer

    def _store(self, kind: str, name: str, reporter: Reporter) -> Store:
        def on_command(server: str) -> Callable[[str, str, float, str], None]:
            return lambda command, reply, took_ms, meaning: reporter.report(
                {
                    "server": server,
                    "command": command,
                    "reply": reply,
                    "took_ms": took_ms,
                    "meaning": meaning,
                }
            )

        if kind == "redis":
            return RedisStore(self._redis, on_command("redis"))
        if kind == "memcached":
            return MemcachedStore(self._memcached, on_command("memcached"))
        return MemoryStore(self._memory, on_command(name))

    def _run(self, function: Callable[..., Any], reporter: Reporter, *arguments: object) -> Any:
        """Call the function; in step gear it reports each of its lines and waits there."""
        if not reporter.steps:
            return function(*arguments)
        sys.settrace(_tracer(function.__code__, reporter))
        try:
            return function(*arguments)
        finally:
            sys.settrace(None)

    def _count(self, signed_in: bool) -> None:
        with self._lock:
            self._counts["requests"] += 1
            self._counts["signed_in" if signed_in else "signed_out"] += 1

    def _internal(self, message: http.Message, settings: dict[str, Any]) -> http.Message:
        """What only the sandbox may read: the counts, and a session in this process's memory."""
        if message.header(http.SECRET) != settings["secret"]:
            return _json(404, {})
        sid = message.path.removeprefix("/-/session/")
        if sid != message.path:
            found = self._memory.get(KEY + sid)
            return _json(200, {"ttl_s": found[0], "value": found[1]} if found else {})
        with self._lock:
            return _json(
                200, {**self._counts, "sessions": self._memory.count(), "run": float(os.getpid())}
            )


def _tracer(code: CodeType, reporter: Reporter) -> Callable[[FrameType, str, Any], Any]:
    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line" and reporter.steps:
            reporter.report({"line": frame.f_lineno - code.co_firstlineno + 1})
            reporter.wait()
        return trace

    return trace


def _named(dotted: str) -> Callable[..., Any]:
    """The handler that the configuration names as module:function."""
    module, _, name = dotted.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _json(status: int, data: dict[str, Any]) -> http.Message:
    return http.response(status, [("Content-Type", "application/json")], json.dumps(data).encode())


def main(path: str) -> None:
    """Serve for ever."""
    shop = Instance(path)
    now = shop.settings.now()
    # this is its log
    print(f"instance {now['name']} listens on {now['host']}:{now['port']}", flush=True)  # noqa: T201
    http.serve(now["host"], now["port"], shop.handle)


__all__ = ["Instance", "Session", "main"]
