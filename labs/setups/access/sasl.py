"""A memcached with SASL: how it is started, and its passwords.

It speaks the binary protocol alone, and answers a client that has not logged in with an error. On
Debian it needs the package libsasl2-modules, which brings the mechanism PLAIN.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from bmemcached import Client
from bmemcached.exceptions import MemcachedException

from labs.clients.address import Address
from labs.engines import binaries
from labs.engines.base import Engine
from labs.engines.control import TIMEOUT_S
from labs.engines.registry import Kind, registry
from labs.errors import DidNotStart, ServerDown
from labs.lab import Node
from labs.runtime.interpreter import interpreter
from labs.runtime.launch import Launch
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.sandbox.server import Server

KIND, REALM, USER, OWN = "memcached-sasl", "sandbox", "till", "labctl"
_MADE_IN_S = 10.0
registry.add(
    Kind(
        KIND,
        "Memcached -S",
        port=11211,
        glyph="slots",
        engine=f"{__name__}:SaslMemcached",
    )
)

# libsasl2 writes its own database: sasl_setpass, as saslpasswd2 calls it. In a process of its own,
# for the library keeps what it was started with.
_WRITE = """
import ctypes, json, sys
path, realm, passwords = json.load(sys.stdin)
library = ctypes.CDLL("libsasl2.so.2")
settings = {b"sasldb_path": path.encode(), b"auxprop_plugin": b"sasldb", b"mech_list": b"PLAIN"}
GetOption = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_uint),
)
def option(context, plugin, name, result, length):
    if name not in settings:
        return -1
    result[0] = settings[name]
    if length:
        length[0] = len(settings[name])
    return 0
given = GetOption(option)
class Callback(ctypes.Structure):
    _fields_ = [("id", ctypes.c_ulong), ("call", ctypes.c_void_p), ("context", ctypes.c_void_p)]
calls = (Callback * 2)(Callback(1, ctypes.cast(given, ctypes.c_void_p), None), Callback(0))
connection = ctypes.c_void_p()
problem = library.sasl_server_init(calls, b"memcached") or library.sasl_server_new(
    b"memcached", realm.encode(), realm.encode(), None, None, calls, 0, ctypes.byref(connection)
)
for user, password in passwords.items():
    problem = problem or library.sasl_setpass(
        connection, user.encode(), password.encode(), len(password), None, 0, 1
    )
sys.exit(f"libsasl2: error {problem}" if problem else 0)
"""


@dataclass(frozen=True)
class SaslMemcached(Engine):
    """One memcached that asks its clients for a user and a password."""

    name: str
    address: Address
    directory: Path
    passwords: Mapping[str, str] = field(repr=False)
    flags: tuple[str, ...] = ("-S", "-B", "binary")
    kind = KIND

    @classmethod
    def build(
        cls, name: str, address: Address, directory: Path, password: str, options: Mapping[str, Any]
    ) -> SaslMemcached:
        passwords = {USER: password, OWN: secrets.token_urlsafe(24)}
        return cls(name, address, directory, passwords, **options)

    def launch(self) -> Launch:
        _require_plain()
        self.write(self.passwords)
        configuration = (
            "mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"sasldb_path: {self._database}\n"
        )
        options = f"-l {self.address.host} -p {self.address.port} -U 0 -m 32 -c 256 -I 1m -t 1"
        return Launch(
            argv=(str(binaries.find("memcached")), *options.split(), *self.flags),
            env={**binaries.environment(), "SASL_CONF_PATH": str(self.directory)},
            files={self.directory / "memcached.conf": configuration},
            death_signal=Signals.SIGKILL,
            stop_signal=Signals.SIGKILL,
        )

    def ready(self, timeout_s: float = TIMEOUT_S) -> str:
        return self.stats(timeout_s)["version"]

    def stats(self, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
        """The server's `stats`, as its own user of ours. Raises ServerDown."""
        where = f"{self.address.host}:{self.address.port}"
        client = Client((where,), f"{OWN}@{REALM}", self.passwords[OWN], socket_timeout=timeout_s)
        try:
            found = client.stats() or {}
        except (MemcachedException, OSError) as exc:
            raise ServerDown(f"The {self.name} does not answer.", detail=str(exc)) from exc
        finally:
            client.disconnect_all()
        stats = next(iter(found.values()), None)
        if not stats:
            raise ServerDown(f"The {self.name} does not answer.")
        return {
            (key.decode() if isinstance(key, bytes) else key): (
                value.decode() if isinstance(value, bytes) else str(value)
            )
            for key, value in stats.items()
        }

    def close(self) -> None:
        """It keeps no connection."""

    @property
    def _database(self) -> Path:
        return self.directory / "sasldb2"

    def write(self, passwords: Mapping[str, str]) -> None:
        """Have the server accept these passwords of users. Raises DidNotStart."""
        try:
            done = subprocess.run(
                [interpreter(), "-I", "-S", "-c", _WRITE],
                input=json.dumps([str(self._database), REALM, dict(passwords)]),
                env=binaries.server_environment(),
                capture_output=True,
                text=True,
                timeout=_MADE_IN_S,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise DidNotStart(
                f"The passwords of Memcached were not written within {_MADE_IN_S:g} s."
            ) from exc
        if done.returncode:
            raise DidNotStart(
                "The passwords of Memcached could not be written.",
                hint="Install libsasl2-modules and libsasl2-modules-db.",
                detail=done.stderr[-500:],
            )
        self._database.chmod(0o600)


class SaslServers(Part):
    """Starts the servers with SASL with other flags: for mutants."""

    def __init__(self, context: Context, flags: tuple[str, ...]) -> None:
        super().__init__(context)
        self._flags = flags

    def engine(self, node: Node, directory: Path) -> Engine | None:
        """The server, with these flags; None for one without SASL."""
        if node.engine != KIND:
            return None
        address = self.context.addresses.new(node.name, node.kind.port)
        password = self.context.password(node.name)
        return SaslMemcached.build(node.name, address, directory, password, {"flags": self._flags})


def sasl_memcached(server: Server) -> SaslMemcached:
    """The engine of a server with SASL."""
    assert isinstance(server.engine, SaslMemcached)
    return server.engine


def _require_plain() -> None:
    """Raises DidNotStart unless the mechanism PLAIN is installed."""
    prefix = os.environ.get("CACHEGROUND_ENGINES", "")
    places = (Path("/usr/lib"), *([Path(prefix) / "usr/lib"] if prefix else []))
    if not any(found for place in places for found in place.glob("*/sasl2/libplain.so*")):
        raise DidNotStart(
            "SASL’s mechanism PLAIN is not installed on this machine.",
            hint="Install it: apt-get install libsasl2-modules.",
        )
