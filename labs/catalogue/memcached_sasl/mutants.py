"""What the checks of the lab memcached-sasl must catch."""

from __future__ import annotations

from pathlib import Path

from labs.catalogue.memcached_sasl import checks
from labs.engines.base import Engine
from labs.lab import Mutant, Node
from labs.runtime.launch import Launch
from labs.sandbox.part import Part
from labs.setups.access.sasl import KIND, SaslMemcached


class _WithoutSasl(SaslMemcached):
    """Binary, and asks for nothing."""

    def launch(self) -> Launch:
        real = super().launch()
        argv = tuple(word for word in real.argv if word != "-S")
        return Launch(argv, real.env, real.files, real.death_signal, real.stop_signal)


class _AnyProtocol(_WithoutSasl):
    """Answers the text protocol, too."""

    def launch(self) -> Launch:
        real = super().launch()
        argv = tuple("auto" if word == "binary" else word for word in real.argv)
        return Launch(argv, real.env, real.files, real.death_signal, real.stop_signal)


class _LosesPasswords(SaslMemcached):
    """Writes another password than the one that clients have."""

    def _write(self, database: Path) -> None:
        own = {user: word for user, word in self.passwords.items() if user == "labctl"}
        SaslMemcached(self.name, self.address, self.directory, own)._write(database)


def _stands(make: type[SaslMemcached]) -> type[Part]:
    class Stands(Part):
        def engine(self, node: Node, directory: Path) -> Engine | None:
            if node.engine != KIND:
                return None
            address = self.context.addresses.new(node.name, node.kind.port)
            password = self.context.password(node.name)
            return make.build(node.name, address, directory, password, {})

    return Stands


MUTANTS = (
    Mutant(
        "any-protocol",
        "the server answers the text protocol",
        checks.text_waits,
        parts=(_stands(_AnyProtocol),),
    ),
    Mutant(
        "without-sasl",
        "the server asks for no login",
        checks.refused_without,
        parts=(_stands(_WithoutSasl),),
    ),
    Mutant(
        "loses-passwords",
        "the server has no password of the user",
        checks.let_in,
        parts=(_stands(_LosesPasswords),),
    ),
)
