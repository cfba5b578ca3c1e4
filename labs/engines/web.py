"""The engines of a web site: instances of the shop and the balancer before them.

How each is started, asked, configured. Starts nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from labs.clients.address import Address, straight
from labs.clients.stream import Stream
from labs.engines.base import Engine
from labs.engines.control import TIMEOUT_S, Control
from labs.runtime.interpreter import interpreter
from labs.runtime.launch import Launch
from labs.web import http

_START = Path(__file__).resolve().parents[1] / "web" / "start.py"


@dataclass(frozen=True)
class WebServer(Engine):
    """A program of labs.web.

    `settings` returns its configuration as it is now; `configure` puts it in place while it runs.
    """

    name: str
    address: Address
    directory: Path
    secret: str = field(repr=False)
    settings: Callable[[], Mapping[str, Any]] = field(repr=False)
    _module: ClassVar[str] = ""
    _health: ClassVar[str] = ""
    _control: Control[Stream] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_control", Control(self.name, Stream(straight(self.address))))

    def launch(self) -> Launch:
        """How to start it: the standard library only, so that it answers soon."""
        file = self.directory / "settings.json"
        return Launch(
            argv=(interpreter(), "-I", "-S", str(_START), self._module, str(file)),
            files={file: self.configuration()},
        )

    def configuration(self) -> str:
        """The text of its settings. By file, for a command line can be read by all."""
        own = {"host": self.address.host, "port": self.address.port, "secret": self.secret}
        return json.dumps(own | dict(self.settings()))

    def configure(self) -> None:
        """It takes its settings with its next request, whether it runs now or is paused."""
        new = self.directory / "settings.new"
        new.touch(mode=0o600)
        new.write_text(self.configuration())
        os.replace(new, self.directory / "settings.json")

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        """The version of Python that it runs on, once it answers. Raises ServerDown until then."""
        return f"Python {self._asked(self._health, timeout_s)['version']}"

    def counters(self) -> dict[str, float]:
        return {
            name: float(value)
            for name, value in self._asked("/-/counts", TIMEOUT_S).items()
            if isinstance(value, int | float)
        }

    def close(self) -> None:
        self._control.close()

    def _asked(self, path: str, timeout_s: float) -> dict[str, Any]:
        head = [("Host", self.name), (http.SECRET, self.secret)]
        request = http.Message(f"GET {path} HTTP/1.1", head)
        answer = self._control.ask(lambda stream: _exchange(stream, request), timeout_s)
        found: dict[str, Any] = json.loads(answer.body)
        return found


class Instance(WebServer):
    """One instance of the shop."""

    kind = "instance"
    _module: ClassVar[str] = "labs.web.instance"
    _health: ClassVar[str] = "/health"

    def session(self, sid: str) -> tuple[str, float] | None:
        """A session as this process's own memory has it: its text and the seconds that are left.

        Raises ServerDown.
        """
        found = self._asked(f"/-/session/{sid}", TIMEOUT_S)
        return (str(found["value"]), float(found["ttl_s"])) if found else None


class Balancer(WebServer):
    """The balancer."""

    kind = "balancer"
    _module: ClassVar[str] = "labs.web.balancer"
    _health: ClassVar[str] = "/-/health"

    def after_restart(self) -> str:
        return "It held nothing that it could lose."

    def instances_up(self) -> list[str]:
        """The instances that take part now. Raises ServerDown."""
        return [str(name) for name in self._asked("/-/counts", TIMEOUT_S)["up"]]


def _exchange(stream: Stream, request: http.Message) -> http.Message:
    stream.write(request.pack())
    data = b""
    while True:
        data += stream.read()
        message, _ = http.unpack(data)
        if message is not None:
            return message
