"""Installs Debian packages: with apt, or unpacked into var/engines where this user may not."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from provisioning.checkout import ENGINES, LOG, ROOT, CannotInstall, base_python, run

PROGRAM = str(ROOT / "scripts/provision.py")
# Packages that an unpacked server does not need: they set up services, or compile queries.
LEFT_OUT = tuple(
    "perl libllvm postgresql-common postgresql-client-common ssl-cert ucf adduser logrotate cron "
    "lsb- sysvinit netbase sensible-utils locales".split()
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
            return run(["sudo", "-n", base_python(), "-I", "-S", PROGRAM, "packages", *packages])
        except subprocess.CalledProcessError as exc:
            raise CannotInstall(f"sudo apt-get failed, see {LOG}") from exc
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = "-y --no-install-recommends -o DPkg::Lock::Timeout=120".split()
    install = ["apt-get", "install", *options, *packages]
    with services_held_back():
        try:
            simulation = [*install, "--simulate"]
            if subprocess.run(simulation, capture_output=True, env=environment).returncode:
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
    # The packaged text, left next to ours.
    clusters.with_name(clusters.name + ".ucf-dist").unlink(missing_ok=True)
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
    lists, cache = f"Dir::State::lists={state}/lists", f"Dir::Cache={state}/cache"
    apt = ["apt-get", "-o", lists, "-o", cache, "-o", "APT::Sandbox::User="]
    try:
        run([*apt, "update"])
        plan = subprocess.run(
            [*apt, "--simulate", "--no-install-recommends", "install", *packages],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        wanted = [name for name in names if not any(part in name for part in LEFT_OUT)]
        run([*apt, "download", *wanted], cwd=state / "debs")
        for package in sorted((state / "debs").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(ENGINES)])
    except subprocess.CalledProcessError as exc:
        raise CannotInstall(f"apt-get could not download them, see {LOG}") from exc
    finally:
        shutil.rmtree(state, ignore_errors=True)
