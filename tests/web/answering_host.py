"""A labs host whose answers a test writes down beforehand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from redis import Redis


class AnsweringHost:
    """A labs host that answers every call with what the test has written down for it, as the client
    expects.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        self.calls: list[dict[str, Any]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def open(self, owner: str, lab: str, *, sandbox: str = "5a9d", status: str = "open") -> None:
        """Say that this owner has a sandbox."""
        self.redis.hset(
            f"labs:sandbox:{sandbox}",
            mapping={"owner": owner, "lab": lab, "host": "here", "status": status},
        )
        self.redis.set(f"labs:owner:{owner}", sandbox)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            got = self.redis.blpop(["labs:host:here:requests"], timeout=0.1)
            if not got:
                continue
            request = json.loads(got[1])
            self.calls.append(request)
            answer = self.answers.get(request["call"], lambda _: {"reply": {}})(request)
            self.redis.rpush(f"labs:reply:{request['id']}", json.dumps(answer))
