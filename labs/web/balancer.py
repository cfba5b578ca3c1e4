"""A round-robin balancer for HTTP: takes each request to the next instance that answers.

Looks at no body and keeps no session.

An instance that refuses is left out at once and its request goes to the next; one that took the
request and does not answer costs a 504. Each is asked for its health twice a second, and takes part
again when it answers. With `sticky`, a cookie of the balancer's own leads a browser back to the
instance that answered it first.
"""

from __future__ import annotations

import hashlib
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
        # The cookie's value does not reveal which instance it is.
        self.token = hashlib.sha256(f"{secret}:{name}".encode()).hexdigest()[:32]
        self.up = True
        self.requests = 0

    def ask(self, request: http.Message, connect_s: float, answer_s: float) -> http.Message:
        """The instance's answer, over a connection that is closed afterwards."""
        kept = [header for header in request.headers if header[0].lower() != "connection"]
        onward = http.Message(request.first, [*kept, ("Connection", "close")], request.body)
        return http.ask(self.host, self.port, onward, connect_s=connect_s, answer_s=answer_s)

    def is_healthy(self) -> bool:
        """True if the instance answers that it is well."""
        request = http.Message("GET /health HTTP/1.1", [("Host", self.name)])
        try:
            return self.ask(request, HEALTH_TIMEOUT_S, HEALTH_TIMEOUT_S).status == 200
        except (OSError, ValueError):
            return False


class Balancer:
    """The targets, and whose turn it is."""

    def __init__(self, path: str) -> None:
        self.settings = Settings(path)
        now = self.settings.now()
        secret = now["secret"]
        self.targets = [Target(name, host, port, secret) for name, host, port in now["targets"]]
        self._turn = 0
        self._lock = threading.Lock()
        self._refused = 0

    def handle(self, message: http.Message) -> http.Message:
        """The answer of the first instance that gives one."""
        settings = self.settings.now()
        if message.path.startswith("/-/"):
            return self._internal(message, settings)
        token = message.cookies.get(STICKY, "") if settings["sticky"] else ""
        answer_s = STEPPED_S if message.header("x-step") else ANSWER_S
        for target in self._candidates(token):
            try:
                answer = target.ask(message, CONNECT_S, answer_s)
            except (ConnectionRefusedError, http.Unreachable):
                target.up = False
                continue
            except TimeoutError:
                return self._refuse(
                    504, f"Instance {target.name} took the request and does not answer."
                )
            except (OSError, ValueError):
                # A link accepts a connection before its target is known to listen.
                target.up = False
                if message.method == "GET":
                    continue
                return self._refuse(502, f"Instance {target.name} broke off.")
            target.requests += 1
            if settings["sticky"] and token != target.token:
                answer.headers.append(("Set-Cookie", f"{STICKY}={target.token}; {STICKY_COOKIE}"))
            return answer
        return self._refuse(503, "No instance answers.")

    def watch(self) -> None:
        """Ask each instance for its health, for ever."""
        while True:
            for target in self.targets:
                target.up = target.is_healthy()
            time.sleep(HEALTH_S)

    def _candidates(self, token: str) -> list[Target]:
        """The instances to try, in order: the one that the cookie names, then those in turn."""
        with self._lock:
            up = [target for target in self.targets if target.up] or self.targets
            if any(target.token == token for target in up):
                return sorted(up, key=lambda target: target.token != token)
            self._turn += 1
            first = self.targets[self._turn % len(self.targets)]
            return sorted(up, key=lambda target: target is not first)

    def _refuse(self, status: int, message: str) -> http.Message:
        self._refused += 1
        return http.page(status, message)

    def _internal(self, message: http.Message, settings: dict[str, Any]) -> http.Message:
        if message.path == "/-/health":
            return http.response(200, {"version": sys.version.split()[0]})
        if message.header(http.SECRET) != settings["secret"]:
            return http.response(404)
        state = {
            "run": float(os.getpid()),
            "requests": sum(target.requests for target in self.targets),
            "refused": self._refused,
            "up": [target.name for target in self.targets if target.up],
        }
        return http.response(200, state)


def main(path: str) -> None:
    """Serve for ever."""
    balancer = Balancer(path)
    now = balancer.settings.now()
    threading.Thread(target=balancer.watch, daemon=True).start()
    http.serve("balancer", now["host"], now["port"], balancer.handle)
