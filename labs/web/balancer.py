"""A round-robin balancer for HTTP: takes each request to the next instance that answers.

Looks at no body and keeps no session.

An instance that refuses is left out at once and its request goes to the next; one that took the
request and does not answer costs a 504. Each is asked for its health twice a second, and takes part
again when it answers. With `sticky`, a cookie of the balancer's own leads a browser back to the
instance that answered it first.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from typing import Any

from labs.web import http
from labs.web.settings import Settings

STICKY = "route"
STICKY_COOKIE = "Path=/; HttpOnly; Secure; SameSite=Lax"
HEALTH_S, HEALTH_TIMEOUT_S = 0.5, 0.5
CONNECT_S, ANSWER_S, STEPPED_S = 0.5, 2.0, 125.0


class Target:
    """An instance as the balancer knows it."""

    def __init__(self, name: str, host: str, port: int, secret: str) -> None:
        self.name, self.host, self.port = name, host, port
        # What the cookie holds says nothing about which instance it is.
        self.token = hashlib.sha256(f"{secret}:{name}".encode()).hexdigest()[:32]
        self.up = True
        self.requests = 0


class Balancer:
    """The targets, and whose turn it is."""

    def __init__(self, path: str) -> None:
        self.settings = Settings(path)
        now = self.settings.now()
        self.targets = [
            Target(name, host, port, now["secret"]) for name, host, port in now["targets"]
        ]
        self._turn = 0
        self._lock = threading.Lock()
        self._refused = 0

    def handle(self, message: http.Message) -> http.Message:
        """The answer of whichever instance gave one."""
        settings = self.settings.now()
        if message.path.startswith("/-/"):
            return self._tell_the_sandbox(message, settings)
        token = _cookie(message) if settings["sticky"] else ""
        onward = http.Message(
            message.first,
            [
                *((name, value) for name, value in message.headers if name.lower() != "connection"),
                ("Connection", "close"),
            ],
            message.body,
        )
        for target in self._candidates(token):
            try:
                answer = http.ask(
                    target.host,
                    target.port,
                    onward,
                    connect_s=CONNECT_S,
                    answer_s=STEPPED_S if message.header("x-step") else ANSWER_S,
                )
            except (ConnectionRefusedError, http.Unreachable):
                target.up = False
                continue
            except TimeoutError:
                return self._own(
                    504, f"Instance {target.name} took the request and does not answer."
                )
            except (OSError, ValueError):
                # A link accepts a connection before it knows whether its target listens.
                target.up = False
                if message.method == "GET":
                    continue
                return self._own(502, f"Instance {target.name} broke off.")
            target.requests += 1
            if settings["sticky"] and token != target.token:
                answer.headers.append(("Set-Cookie", f"{STICKY}={target.token}; {STICKY_COOKIE}"))
            return answer
        return self._own(503, "No instance answers.")

    def watch(self) -> None:
        """Ask each instance for its health, for ever."""
        while True:
            for target in self.targets:
                target.up = _healthy(target)
            time.sleep(HEALTH_S)

    def _candidates(self, token: str) -> list[Target]:
        """Whom to try, in order: the one that the cookie names, then those whose turn it is."""
        with self._lock:
            up = [target for target in self.targets if target.up] or self.targets
            bound = [target for target in up if target.token == token]
            if bound:
                return [*bound, *(target for target in up if target not in bound)]
            self._turn += 1
            first = self.targets[self._turn % len(self.targets)]
            return sorted(up, key=lambda target: target is not first)

    def _own(self, status: int, says: str) -> http.Message:
        self._refused += 1
        return http.response(
            status,
            [("Content-Type", "application/json")],
            json.dumps({"says": says, "user": "", "cart": []}).encode(),
        )

    def _tell_the_sandbox(self, message: http.Message, settings: dict[str, Any]) -> http.Message:
        if message.path == "/-/health":
            return http.response(200, (), json.dumps({"version": sys.version.split()[0]}).encode())
        if message.header(http.SECRET) != settings["secret"]:
            return http.response(404)
        state = {
            "run": float(os.getpid()),
            "requests": sum(target.requests for target in self.targets),
            "refused": self._refused,
            "up": [target.name for target in self.targets if target.up],
        }
        return http.response(200, (), json.dumps(state).encode())


def _cookie(message: http.Message) -> str:
    pairs = (part.strip().partition("=") for part in message.header("cookie").split(";"))
    return next((value for name, _, value in pairs if name == STICKY), "")


def _healthy(target: Target) -> bool:
    try:
        return (
            http.ask(
                target.host,
                target.port,
                http.Message(
                    "GET /health HTTP/1.1", [("Host", target.name), ("Connection", "close")]
                ),
                connect_s=HEALTH_TIMEOUT_S,
                answer_s=HEALTH_TIMEOUT_S,
            ).status
            == 200
        )
    except (OSError, ValueError):
        return False


def main(path: str) -> None:
    """Serve for ever."""
    balancer = Balancer(path)
    now = balancer.settings.now()
    threading.Thread(target=balancer.watch, daemon=True).start()
    # this is its log
    print(f"balancer listens on {now['host']}:{now['port']}", flush=True)  # noqa: T201
    http.serve(now["host"], now["port"], balancer.handle)
