"""The kinds of engine: what each is called, where it listens, how it is drawn, asked and installed.

Data only, of the standard library only: the definition of a lab imports it without any engine, and
scripts/provision.py reads it before there is anything to import.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labs.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of node. Without a port it is no server: the application, an endpoint.

    `glyph` is what fills its box in a drawing: the `slots` of a cache, the `rows` of a table, or
    nothing. `console` is the language of its console (labs.sandbox.consoles), empty if it has none.
    `engine` names its class. `program` must be installed for it, on Debian with `package`; both are
    empty for a kind that needs nothing more than another one does. `beside` are the packages that
    are installed together with it, for what not every use of the program needs.
    """

    name: str
    label: str
    port: int = 0
    glyph: str = ""
    console: str = ""
    engine: str = ""
    program: str = ""
    package: str = ""
    beside: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """All Debian packages to install for it."""
        return (self.package, *self.beside) if self.package else ()

    @property
    def is_server(self) -> bool:
        """True if a process runs for it."""
        return self.port > 0

    def engine_class(self) -> type[Engine]:
        """Its class, imported when it is first needed. Raises UnknownKind if it is no server."""
        if not self.engine:
            raise UnknownKind(f"No server can be of the kind {self.name!r}.")
        module, _, name = self.engine.partition(":")
        found: type[Engine] = getattr(importlib.import_module(module), name)
        return found


class UnknownKind(LookupError):
    """There is no engine of this name; the text says which there are."""


class Registry(dict[str, Kind]):
    """Kinds by name."""

    def __missing__(self, name: str) -> Kind:
        raise UnknownKind(f"There is no engine {name!r}; there are {', '.join(sorted(self))}.")

    def add(self, kind: Kind) -> None:
        """Make a kind known to all that read the registry."""
        self[kind.name] = kind

    def labels(self) -> dict[str, str]:
        """What each kind is called on a page."""
        return {kind.name: kind.label for kind in self.values()}

    def installed(self) -> dict[str, Kind]:
        """The kinds that need a program of their own, by that program."""
        return {kind.program: kind for kind in self.values() if kind.program}


registry = Registry()
for _kind in (
    Kind("app", "Python"),
    Kind("endpoint", "endpoint"),
    Kind(
        "redis",
        "Redis",
        port=6379,
        glyph="slots",
        console="resp",
        engine="labs.engines.redis:Redis",
        program="redis-server",
        package="redis-server",
    ),
    Kind(
        "valkey",
        "Valkey",
        port=6379,
        glyph="slots",
        console="resp",
        engine="labs.engines.redis:Valkey",
    ),
    Kind("sentinel", "Sentinel", port=26379, engine="labs.engines.sentinel:Sentinel"),
    Kind(
        "memcached",
        "Memcached",
        port=11211,
        glyph="slots",
        console="memcached",
        engine="labs.engines.memcached:Memcached",
        program="memcached",
        package="memcached",
        beside=("libsasl2-modules",),  # the mechanism PLAIN, for `memcached -S`
    ),
    Kind(
        "postgres",
        "Postgres",
        port=5432,
        glyph="rows",
        console="sql",
        engine="labs.engines.postgres:Postgres",
        program="postgres",
        package="postgresql",
    ),
    Kind("instance", "Python", port=8000, engine="labs.engines.web:Instance"),
    Kind("balancer", "Python", port=8080, engine="labs.engines.web:Balancer"),
):
    registry.add(_kind)
