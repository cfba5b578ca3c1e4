"""One instance of the shop: a process that answers HTTP, with a session store that its
configuration names. Keeps nothing but what that store keeps.

A traced request reports to the sandbox over a socket: each command to the store, and in step gear
each line, before which it waits until the sandbox lets it go on.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType, SimpleNamespace
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
        # An id that no server of ours could have issued is no id.
        found = message.cookies
        self.cookies = {name: value for name, value in found.items() if _ID.fullmatch(value)}
        self.form = dict(parse_qsl(message.body.decode("utf-8", "replace")))


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
                self._report(request=number, instance=instance)

    def command(self, server: str, command: str, reply: str, took_ms: float, meaning: str) -> None:
        """Report a command to a store."""
        self._report(server=server, command=command, reply=reply, took_ms=took_ms, meaning=meaning)

    def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Call the function; in step gear report each of its lines, and wait before it until the
        sandbox lets the request go on or has closed its end.
        """
        code = function.__code__

        def trace(frame: FrameType, event: str, _arg: Any) -> Any:
            if frame.f_code is not code:
                return None
            if event == "line" and self.steps and self._connected is not None:
                self._report(line=frame.f_lineno - code.co_firstlineno + 1)
                with contextlib.suppress(OSError):
                    self.steps = self._connected.recv(1) != b""
            return trace

        if self.steps:
            sys.settrace(trace)
        try:
            return function(*arguments)
        finally:
            sys.settrace(None)

    def _report(self, **news: object) -> None:
        if self._connected is not None:
            with contextlib.suppress(OSError):
                self._connected.sendall(json.dumps(news).encode() + b"\n")

    def close(self) -> None:
        """End the report."""
        if self._connected is not None:
            self._connected.close()


class Instance:
    """The shop."""

    def __init__(self, path: str) -> None:
        self.settings = Settings(path)
        self._memory = Memory()
        self._counts = {"requests": 0, "logged_in": 0, "logged_out": 0}
        self._lock = threading.Lock()
        now = self.settings.now()
        host, port, user, password = now["redis"]
        self._redis = Pool(host, port, greet=lambda line: resp(line, "AUTH", user, password))
        self._memcached = Pool(*now["memcached"])

    def handle(self, message: http.Message) -> http.Message:
        """The answer to any request."""
        settings = self.settings.now()
        if message.path == "/health":
            return http.response(200, {"version": sys.version.split()[0]})
        if message.path.startswith("/-/"):
            return self._internal(message, settings)
        reporter = Reporter(settings["reports"], message, settings["node"])
        try:
            answer = self._serve(message, settings, reporter)
        except StoreDown as exc:
            answer = http.page(503, f"{exc} No user can be recognised.")
        finally:
            reporter.close()
        answer.headers += [("X-Instance", settings["name"]), ("Cache-Control", "no-store")]
        return answer

    def _serve(
        self, message: http.Message, settings: dict[str, Any], reporter: Reporter
    ) -> http.Message:
        request = Request(message)
        limits = SimpleNamespace(
            **{name: settings[name] for name in ("idle_s", "absolute_s", "sliding")}
        )
        store = self._store(settings["store"], settings["node"], reporter)
        sid, session = "", None
        match message.method, message.path.split("?")[0]:
            case "POST", "/login":
                if not _USER.fullmatch(request.form.get("user", "")):
                    return http.page(422, "Who are you?")
                log_in = _named(settings["log_in"])
                sid, session = reporter.run(log_in, request, store, limits)
                text = f"Welcome, {session['user']}."
            case "POST", "/cart":
                if not _ITEM.fullmatch(request.form.get("item", "")):
                    return http.page(422, "Which item?")
                sid, session = reporter.run(sessions.add_to_cart, request, store, limits)
                text = f"{request.form['item']} is in your cart."
            case "POST", "/logout":
                reporter.run(sessions.log_out, request, store)
                text = "You are logged out."
            case "GET", "/":
                session = reporter.run(_named(settings["page"]), request, store, limits)
                known = session and session["user"]
                text = f"Hello again, {session['user']}." if known else "Please log in."
            case _:
                return http.page(404, "There is no such page.")
        session = session or {"user": "", "cart": []}
        with self._lock:
            self._counts["requests"] += 1
            self._counts["logged_in" if session["user"] else "logged_out"] += 1
        answer = http.page(200, text, session["user"], session["cart"])
        if sid and sid != request.cookies.get("sid"):
            answer.headers.append(("Set-Cookie", f"sid={sid}; {COOKIE}"))
        if message.path == "/logout":
            answer.headers.append(("Set-Cookie", f"sid=; Max-Age=0; {COOKIE}"))
        return answer

    def _store(self, kind: str, node: str, reporter: Reporter) -> Store:
        if kind == "redis":
            return RedisStore(self._redis, partial(reporter.command, "redis"))
        if kind == "memcached":
            return MemcachedStore(self._memcached, partial(reporter.command, "memcached"))
        return MemoryStore(self._memory, partial(reporter.command, node))

    def _internal(self, message: http.Message, settings: dict[str, Any]) -> http.Message:
        """What only the sandbox may read: the counts, and a session in this process's memory."""
        if message.header(http.SECRET) != settings["secret"]:
            return http.response(404, {})
        sid = message.path.removeprefix("/-/session/")
        if sid != message.path:
            found = self._memory.get(KEY + sid)
            if found is None:
                return http.response(200, {})
            left_s, text = found
            return http.response(
                200, {"ttl_s": -1 if math.isinf(left_s) else left_s, "value": text}
            )
        sessions_kept, run = self._memory.count(), float(os.getpid())
        with self._lock:
            return http.response(200, {**self._counts, "sessions": sessions_kept, "run": run})


def _named(dotted: str) -> Callable[..., Any]:
    """The handler that the configuration names as module:function."""
    module, _, name = dotted.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def main(path: str) -> None:
    """Serve for ever."""
    shop = Instance(path)
    now = shop.settings.now()
    http.serve(f"instance {now['name']}", now["host"], now["port"], shop.handle)
