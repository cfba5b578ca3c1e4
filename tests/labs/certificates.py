"""Certificates for servers with TLS, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority of its own."""

    def __init__(self, folder, name="authority"):
        self._folder = folder
        self._name = name
        self.certificate = folder / f"{name}.pem"
        self._request(name, "-x509", "-days", "2", to=self.certificate)

    def sign(self, name, host):
        """A certificate for the server or the client at an address."""
        self._request(name, to=self._folder / f"{name}.csr")
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:{host}\n")
        signed = Signed(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        ours = ("-CA", self.certificate, "-CAkey", self._folder / f"{self._name}.key")
        files = ("-in", self._folder / f"{name}.csr", "-out", signed.certificate)
        _openssl("x509", "-req", *ours, "-CAcreateserial", *files, "-extfile", extensions)
        return signed

    def _request(self, name, *options, to):
        key = self._folder / f"{name}.key"
        _openssl("req", *CURVE, "-keyout", key, "-out", to, "-subj", f"/CN={name}", *options)


def _openssl(*words):
    done = subprocess.run(("openssl", *map(str, words)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
