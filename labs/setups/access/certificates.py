"""A certificate authority of one sandbox, and the certificates that it signs. Its key is never
written down.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from labs.engines.identity import Identity

VALID = datetime.timedelta(days=2)
"""Longer than any sandbox is open."""
_CLOCKS_DIFFER = datetime.timedelta(hours=1)


class Authority:
    """Signs certificates, and keeps all files in `directory`, for their owner alone."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name_of(f"Cacheground {name}")
        self.certificate = directory / f"{name}.pem"
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        own = self._begun(self._name, self._key).add_extension(constraint, critical=True)
        self._write(self.certificate, _pem(own.sign(self._key, hashes.SHA256())))

    def sign(self, name: str, hosts: Iterable[str]) -> Identity:
        """A certificate for the server at these IP addresses and host names."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        signed = self._begun(_name_of(name), key).add_extension(names, critical=False)
        identity = Identity(
            self._directory / f"{name}.pem", self._directory / f"{name}.key", self.certificate
        )
        self._write(identity.certificate, _pem(signed.sign(self._key, hashes.SHA256())))
        self._write(
            identity.key,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        return identity

    def _begun(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + VALID)
        )

    def _write(self, path: Path, data: bytes) -> None:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)


def _name_of(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
