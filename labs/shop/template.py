"""The prepared data directory that every sandbox copies or has below its own: built once per schema
and Postgres version. `python -m labs.shop.template DIR` builds it.

Built in Postgres' single-user mode: no port, no socket, nothing to outlive the build.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from labs.clients.address import Address
from labs.engines import binaries
from labs.engines.postgres import AGENT, HOST_BASED_ACCESS, configuration
from labs.errors import DidNotStart
from labs.shop import building
from labs.shop.popularity import CATEGORIES, PRODUCTS, STEP

SIZES = {
    "products": PRODUCTS,
    "categories": CATEGORIES,
    "step": STEP,
    "reviews": 160_000,
    "orders": 40_000,
    "customers": 2_000,
}
STAMP = "cacheground.stamp"

_HERE = Path(__file__).resolve().parent
_DEADLINE_S = 120.0
_END_S = 5.0
_BUILDERS = ("postgres", "nobody")

# One database is enough, and each costs 7 MB and 300 files: the one that initdb made first becomes
# the shop's, the others go.
_ALONE = """
ALTER DATABASE template1 RENAME TO shop;
UPDATE pg_database SET datistemplate = false;
DROP DATABASE template0;
"""
# What no lab uses: collations of ICU and of every locale, text search languages, the information
# schema, plpgsql.
_SLIM = """
DROP EXTENSION plpgsql;
DROP SCHEMA information_schema CASCADE;
DELETE FROM pg_collation WHERE collprovider = 'i' OR collname NOT IN ('default', 'C', 'POSIX', 'ucs_basic');
DELETE FROM pg_description;
CREATE EXTENSION pg_stat_statements;
"""
_TIDY = """
VACUUM (FULL, FREEZE, ANALYZE);
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
"""


def stamp() -> str:
    """What a template built now would be built from: a hash, and Postgres' version."""
    parts = [
        _sql("schema"),
        _sql("seed"),
        _sql("roles"),
        _ALONE,
        _SLIM,
        _TIDY,
        HOST_BASED_ACCESS,
        configuration(Address("127.0.0.1", 0), Path("data")),
    ]
    version = subprocess.run(
        [binaries.find("postgres"), "--version"],
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout.strip()
    return f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()} {version}\n"


def is_current(target: Path) -> bool:
    """True if a template is there and was built from what is here."""
    return _stamp_of(target) == stamp()


def build(target: Path) -> None:
    """Have a current template at `target`: world-readable, complete or not there at all. Does
    nothing if it is there. Raises DidNotStart.

    As root it is built under `postgres` or `nobody`: Postgres refuses root, and initdb a user
    without a name.
    """
    if is_current(target):
        return
    builder = _builder() if os.getuid() == 0 else None
    with building.alone(target) as lock:
        if not is_current(target):
            with building.room(lock) as room:
                _build(target, room, builder)


def _build(target: Path, room: Path, builder: pwd.struct_passwd | None) -> None:
    data = room / "data"
    if builder is not None:
        os.chown(room, builder.pw_uid, builder.pw_gid)
    _make(data, builder)
    (data / STAMP).write_text(stamp())
    _put(data, target, folders=0o755, files=0o644)


def copy(template: Path, target: Path) -> None:
    """A copy of the template for a sandbox, mode 0700, owned by the user that copies. `target` must
    not exist; its parent must.
    """
    os.mkdir(target, 0o700)
    _copy_into(template, target)


def refill(template: Path, target: Path) -> None:
    """Empty a folder and copy the template into it. The folder stays: it may be a mount point."""
    for entry in target.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    _copy_into(template, target)


def build_open(template: Path, target: Path) -> None:
    """Have a copy of the template at `target` that every user may write to, for the lower layer of
    an overlay. Does nothing if it is there. Its parent must be closed to others.
    """
    if _stamp_of(target) != _stamp_of(template):
        _put(template, target, folders=0o777, files=0o666)


def _stamp_of(target: Path) -> str:
    try:
        return (target / STAMP).read_text()
    except FileNotFoundError:
        return ""


def _copy_into(source: Path | str, target: Path | str) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            place = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                os.mkdir(place, 0o700)
                _copy_into(entry.path, place)
            else:
                _copy_file(entry.path, place)


def _copy_file(source: str, target: str) -> None:
    reading = os.open(source, os.O_RDONLY)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _copy_bytes(reading, writing)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_bytes(reading: int, writing: int) -> None:
    """Inside the kernel: of five ways tried the fastest (docs/decisions/template.md). Between two
    kinds of file system by sendfile.
    """
    try:
        while os.copy_file_range(reading, writing, 1 << 30):
            pass
    except OSError as exc:
        unable = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
        if exc.errno not in unable:
            raise
        while os.sendfile(writing, reading, None, 1 << 30):
            pass


def _make(data: Path, builder: pwd.struct_passwd | None) -> None:
    share = binaries.share()
    settings = "--wal-segsize=1 --no-sync --no-locale -E UTF8 -A trust".split()
    files = ("-L", share) if share else ()
    _run("initdb", "-D", data, "-U", AGENT, *settings, *files, builder=builder)
    (data / "postgresql.conf").write_text(configuration(Address("127.0.0.1", 5432), data))
    (data / "pg_hba.conf").write_text(HOST_BASED_ACCESS)
    _alone(data, "postgres", _ALONE, builder)
    slim = "DROP DATABASE postgres;\n" + _SLIM
    shop = _sql("schema") + _sql("seed") + _sql("roles")
    _alone(data, "shop", slim + shop + _TIDY, builder)
    _run("pg_resetwal", "-D", data, builder=builder)


def _alone(data: Path, database: str, statements: str, builder: pwd.struct_passwd | None) -> None:
    """Run statements in single-user mode. There a statement ends with a semicolon and an empty
    line.
    """
    text = "".join(f"{statement};\n\n" for statement in split(statements))
    settings = ("-c", "exit_on_error=on", "-c", "log_min_messages=error")
    single = ("--single", "-j", "-O", "-D", data, *settings, database)
    _run("postgres", *single, text=text, builder=builder)


def split(script: str) -> list[str]:
    """The statements of a script, without comments and empty lines. Semicolons stand only between
    statements.
    """
    lines = [line for line in script.splitlines() if line.strip() and not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def _run(
    program: str, *arguments: str | Path, text: str = "", builder: pwd.struct_passwd | None
) -> None:
    found = binaries.find(program)
    with subprocess.Popen(
        [found, *arguments],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        user=builder.pw_uid if builder else None,
        group=builder.pw_gid if builder else None,
        extra_groups=[] if builder else None,
    ) as process:
        try:
            said, problem = process.communicate(text, _DEADLINE_S)
        except BaseException:
            # Killed at once, a Postgres would leave its shared memory.
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_END_S)
            process.kill()
            raise
    if process.returncode or "ERROR:" in problem:
        raise DidNotStart(
            "The shop's database could not be prepared.",
            hint="The log says what Postgres said.",
            detail=f"{found}: {(said + problem)[-2000:]}",
        )


def _builder() -> pwd.struct_passwd:
    for name in _BUILDERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise DidNotStart(
        "No ordinary user can build the shop's database.", hint="Create the user postgres."
    )


def _put(data: Path, target: Path, *, folders: int, files: int) -> None:
    """A copy into its place in one step, with these modes. What an earlier one left that was killed
    is removed.
    """
    fresh, old = (target.with_name(f".{target.name}.{word}") for word in ("new", "old"))
    try:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)
        copy(data, fresh)
        for folder, _, names in os.walk(fresh):
            os.chmod(folder, folders)
            for name in names:
                os.chmod(Path(folder, name), files)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        for left in (fresh, old):
            shutil.rmtree(left, ignore_errors=True)


def _sql(name: str) -> str:
    text = (_HERE / f"{name}.sql").read_text()
    for word, size in SIZES.items():
        text = text.replace("{" + word + "}", str(size))
    return text


def _environment() -> dict[str, str]:
    return {**binaries.server_environment(), "TZ": "UTC"}


def main() -> None:
    """Build the template in the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m labs.shop.template DIR")
    target = Path(sys.argv[1])
    try:
        build(target)
    except DidNotStart as exc:
        sys.exit(f"{exc} {exc.hint}\n{exc.detail}")
    sizes = [file.stat().st_size for file in target.rglob("*") if file.is_file()]
    sys.stdout.write(f"{target}: {sum(sizes) / 1e6:.1f} MB in {len(sizes)} files\n")


if __name__ == "__main__":
    main()
