"""The clients and consoles of a sandbox in which nothing runs: strategies really run, on a
dictionary, and each call takes what it always takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from labs.caching.cache import CacheDown
from labs.caching.local import CHANNEL, Local
from labs.errors import ServerDown
from labs.fake.state import FakeState
from labs.sandbox.clients import OnFound, is_a_hit
from labs.sandbox.console import Answer, not_answered
from labs.shop import queries
from labs.shop.popularity import category_of
from labs.shop.shop import OnCommand, in_short

REMEMBERED_MS, LOOKED_UP_MS, STORED_MS, ASKED_MS = 0.001, 0.16, 0.2, 4.87
COMMANDS = ("GET", "GETDEL", "GETEX", "PING", "SET")

IsUp = Callable[[], bool]


@dataclass
class FakeCache:
    """A cache in a dictionary, which speaks of it as Redis would. It runs no scripts."""

    state: FakeState
    is_up: IsUp
    on_command: OnCommand
    on_lookup: OnCommand
    on_found: OnFound = is_a_hit
    local: Local = field(init=False)

    def __post_init__(self) -> None:
        self.local = Local(self._looked)

    def connect(self) -> None:
        """There is nothing to connect to."""

    def get(self, key: str) -> bytes | None:
        self._must_be_up(f"GET {key}")
        value, until = self.state.stored.get(key, (b"", 0.0))
        if until <= time.monotonic():
            self.state.misses += 1
            self.on_command(f"GET {key}", "(nil)", LOOKED_UP_MS, "miss")
            return None
        self.state.hits += 1
        self.on_command(f"GET {key}", value.decode(), LOOKED_UP_MS, self.on_found(value))
        return value

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._must_be_up(f"SET {key}")
        until = time.monotonic() + ttl_s if ttl_s else math.inf
        self.state.stored[key] = (value.encode(), until)
        expiry = f" EX {ttl_s:g}" if ttl_s else ""
        self.on_command(f"SET {key} {value}{expiry}", "OK", STORED_MS, "write")

    def delete(self, key: str) -> None:
        self._must_be_up(f"DEL {key}")
        deleted = int(self.state.stored.pop(key, None) is not None)
        self.on_command(f"DEL {key}", f"(integer) {deleted}", STORED_MS, "write")

    def incr(self, key: str) -> int:
        self._must_be_up(f"INCR {key}")
        value, until = self.state.stored.get(key, (b"0", math.inf))
        count = int(value) + 1
        self.state.stored[key] = (str(count).encode(), until)
        self.on_command(f"INCR {key}", f"(integer) {count}", STORED_MS, "write")
        return count

    def publish(self, channel: str, message: str) -> None:
        self._must_be_up(f"PUBLISH {channel}")
        if channel == CHANNEL:
            self.local.forget(message)
        self.on_command(f"PUBLISH {channel} {message}", "(integer) 1", STORED_MS, "write")

    def run(self, script: str, keys: list[str], *args: str | int) -> object:
        self._must_be_up(f"EVAL {' '.join(keys)}")
        self.on_command(f"EVAL {' '.join(keys)}", "No scripts run here.", LOOKED_UP_MS, "error")
        raise CacheDown("A fake runs no scripts.")

    def close(self) -> None:
        """There is nothing to give back."""

    def _looked(self, key: str, found: bool, _took_ms: float) -> None:
        answer = "found" if found else "nothing"
        self.on_lookup(f"own memory: {key}", answer, REMEMBERED_MS, "hit" if found else "miss")

    def _must_be_up(self, command: str) -> None:
        if not self.is_up():
            self.on_command(command, "No answer.", LOOKED_UP_MS, "error")
            raise CacheDown("The cache did not answer.")


@dataclass(slots=True)
class FakeShop:
    """A shop that sells lamps: a price change raises the version, and nothing else is different."""

    state: FakeState
    is_up: IsUp
    on_command: OnCommand
    what: str

    def connect(self) -> None:
        """There is nothing to connect to."""

    def read(self, item: int) -> dict[str, object]:
        statement = queries.filled_in(queries.READS[self.what], {queries.KEYS[self.what]: item})
        self._count(statement)
        answer: dict[str, object] = {
            queries.KEYS[self.what]: item,
            "name": "Lamp",
            "price": 24.9,
            "version": self.state.versions.get(item, 1),
        }
        self.on_command(statement, in_short(answer), ASKED_MS, "read")
        return answer

    def change_price(self, item: int, price: float) -> int:
        statement = queries.filled_in(
            queries.WRITES[self.what], {queries.KEYS[self.what]: item, "price": price}
        )
        self._count(statement)
        version = self.state.versions[item] = self.state.versions.get(item, 1) + 1
        self.on_command(statement, in_short({"version": version}), ASKED_MS, "write")
        return version

    def change_price_returning(self, item: int, price: float) -> dict[str, object]:
        self.change_price(item, price)
        return self.read(item)

    def category_of(self, item: int) -> int:
        return item if queries.KEYS[self.what] == "category_id" else category_of(item)

    def close(self) -> None:
        """There is nothing to give back."""

    def _count(self, statement: str) -> None:
        if not self.is_up():
            self.on_command(statement, "No answer.", ASKED_MS, "error")
            raise ServerDown("The database does not answer.")
        self.state.queries += 1


@dataclass(slots=True)
class FakeConsole:
    """Repeats each command. Its prompt shows a transaction from BEGIN to COMMIT or ROLLBACK."""

    name: str
    is_up: IsUp
    prompt: str = ""

    def run(self, command: str) -> Answer:
        if not self.is_up():
            raise not_answered("server", TimeoutError())
        match command.strip().lower():
            case "begin":
                self.prompt = "=*"
            case "commit" | "rollback":
                self.prompt = ""
        text = f"{self.name} is a fake. It was told: {command}"
        return Answer(text, False, LOOKED_UP_MS, prompt=self.prompt)

    def complete(self, text: str) -> list[str]:
        return [name for name in COMMANDS if name.startswith(text.upper())]

    def close(self) -> None:
        """There is nothing to give back."""
