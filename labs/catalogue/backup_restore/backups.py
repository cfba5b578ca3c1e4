"""What stands in for the service's backups: it has a server write a snapshot, keeps the file with
its digest, and starts a new cluster from it.

Everything that it says was asked of a server or read from a file. What it did stays in the
sandbox's ledger, for the checks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from labs.catalogue.backup_restore import losses, reads, shop_data
from labs.engines.dataset import Dataset, dataset
from labs.engines.redis import Redis, parse_info
from labs.errors import BadInput, DidNotStart, LabsError, NotNow, ServerDown
from labs.events import Value
from labs.sandbox.context import Context
from labs.sandbox.part import Workload
from labs.setups.changes.workload import ChangesSpec, Notes, notes

OLD, NEW = "shop-001", "shop-restored-001"
"""As ElastiCache calls the first node of a replication group."""
MOST_BACKUPS = 20
SNAPSHOT_S = 20.0
LOOK_EVERY_S = 0.01
ANSWERS_S = 3.0
SHORT = 12
_DUMP = "dump.rdb"
_REFUSAL = (
    "Wrong RDB",
    "Short read",
    "Internal error in RDB",
    "RDB ERROR",
    "Can't",
    "Fatal",
    "Wrong signature",
    "Bad file format",
)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as its catalogue has it.

    `digest` is that of the data, empty if somebody wrote before the snapshot was begun; `began` and
    `ended` are monotonic seconds; `written` are the changes that were acknowledged between them.
    """

    name: str
    status: str
    taken: str
    engine: str = ""
    keys: int = 0
    size: int = 0
    sha256: str = ""
    digest: str = ""
    loaded: bool = False
    began: float = 0.0
    ended: float = 0.0
    fork_ms: float = 0.0
    cow: int = 0
    memory: int = 0
    written: int = 0
    copy_of: str = ""
    experiment: bool = False

    @property
    def cow_percent(self) -> float:
        """The memory that was copied for it, as a share of what the server used."""
        return 100 * self.cow / self.memory if self.memory else 0.0


@dataclass(frozen=True, slots=True)
class Restored:
    """A cluster that was started from a backup (`new`), and the one that lost its data: `old` is
    what that held before, `old_keys` how many keys it has since.
    """

    backup: Backup
    file_sha256: str
    old_address: str
    new_address: str
    old_pids: tuple[int, int]
    old: Dataset
    old_keys: int
    new: Dataset
    ready_s: float
    loss: losses.Loss


@dataclass(frozen=True, slots=True)
class Refused:
    """A backup that a server would not start from, in the server's own words."""

    backup: Backup
    file_sha256: str
    words: tuple[str, ...]
    state: str


class Backups(Workload):
    """The backups of one sandbox, and the writers whose changes they hold.

    One thing at a time: a second caller gets NotNow.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._lock = threading.Lock()
        self._number = 0
        self.experiment = False
        """True while a prediction is measured: what is taken and restored meanwhile is not the
        learner's, and no check sees it.
        """
        self.kept: dict[str, Backup] = {}
        """By name. Only the holder of the lock changes it, so others use a copy."""
        self.products = 0
        self.folder, self.notebooks = context.directory / "backups", context.directory / "notebooks"

    def opened(self) -> None:
        """Begin without backups, without notebooks, and with nothing of an earlier snapshot."""
        self._number = self.products = 0
        self.experiment = False
        self.kept.clear()
        if not self.context.is_real:
            return
        for folder in (self.folder, self.notebooks):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        for name in (OLD, NEW):
            self._clear_away(self.redis(name).directory)

    def restarted(self) -> None:
        """Begin again, as when the sandbox was opened."""
        self.opened()

    def spec(self, client: int, clients: int, requests: int = 0) -> ChangesSpec:
        """The changes of one writer: where the application's endpoint leads, and its notebook."""
        context, settings = self.context, self.context.settings
        node = reads.node_asked(context)
        return ChangesSpec(
            rate_per_s=float(settings["rate_per_s"]),
            client=client,
            clients=clients,
            requests=requests,
            redis=context.network.route(reads.LINKS[node]),
            password=context.password(node),
            notebook=str(self.notebooks / str(client)),
            products=self.products or shop_data.products_of(int(float(settings["keys"]))),
        )

    # What there is

    def redis(self, name: str) -> Redis:
        """The engine of one of the two clusters."""
        engine = self.context.servers[name].engine
        assert isinstance(engine, Redis)
        return engine

    def up(self, name: str) -> Redis:
        """The same, or NotNow if it does not run."""
        if self.context.servers[name].state != "up":
            raise NotNow(
                f"{self.context.lab.topology.node(name).label} is not up.",
                hint="Look at the drawing: is it there, and does it run?",
            )
        return self.redis(name)

    def file(self, backup: Backup) -> Path:
        """Where a backup's file is kept."""
        return self.folder / f"{backup.name}.rdb"

    def find(self, name: str) -> Backup:
        """The backup of this name, or the newest one; BadInput if there is none."""
        available = [backup for backup in list(self.kept.values()) if backup.status == "available"]
        if not name and available:
            return available[-1]
        for backup in available:
            if backup.name == name:
                return backup
        raise BadInput(
            f"There is no backup {name[:40]!r}." if name else "There is no backup yet.",
            hint="There are " + (", ".join(backup.name for backup in available) or "none") + ".",
        )

    def writers(self) -> dict[int, Notes]:
        """What each writer noted."""
        return {int(path.name): notes(path) for path in sorted(self.notebooks.iterdir())}

    def forget_writers(self) -> None:
        """Throw the notebooks away: what they told of is gone from the cluster too."""
        for path in self.notebooks.iterdir():
            path.unlink()

    # What can be done

    def take(self) -> Backup:
        """Have the server write a snapshot, and keep the file. Raises NotNow, ServerDown."""
        with self._alone():
            engine = self.up(OLD)
            if len(self.kept) >= MOST_BACKUPS:
                raise NotNow(
                    f"There are {MOST_BACKUPS} backups, which is as many as may be here.",
                    hint="Delete one first.",
                )
            backup = self._tell(
                Backup(
                    self._next_name(),
                    "creating",
                    time.strftime("%H:%M:%S", time.gmtime()),
                    engine=f"Redis {self.context.servers[OLD].version}",
                    loaded=self._is_written_to(),
                    experiment=self.experiment,
                )
            )
            try:
                backup = self._take(engine, backup)
            except BaseException:
                self._clear_away(engine.directory)
                self.file(backup).unlink(missing_ok=True)
                self._forget(backup)
                raise
            self._note(backup, backup)
            return self._tell(backup)

    def copy(self, name: str) -> Backup:
        """Another backup with the same bytes."""
        with self._alone():
            return self._tell(self._copy(self.find(name), "copy"))

    def damage(self, name: str, how: str) -> Backup:
        """A copy with one bit turned (`bit`), or without its second half (`cut`); its catalogue
        entry says what the original's said.
        """
        with self._alone():
            damaged = self._copy(self.find(name), "damaged")
            data = bytearray(self.file(damaged).read_bytes())
            place = data.find(shop_data.NAME.encode())
            if how == "cut":
                del data[len(data) // 2 :]
            else:
                data[place if place >= 0 else len(data) // 2] ^= 1
            self._overwrite(damaged, bytes(data))
            return self._tell(damaged)

    def delete(self, name: str) -> Backup:
        """Delete a backup and its file."""
        with self._alone():
            backup = self.find(name)
            self.file(backup).unlink(missing_ok=True)
            self._forget(backup)
            return backup

    def restore(self, name: str) -> Restored | Refused:
        """Start a new cluster from a backup.

        Raises NotNow if there is one already, or if the file is missing.
        """
        with self._alone():
            backup = self.find(name)
            if self.context.servers[NEW].state in ("up", "paused"):
                raise NotNow(
                    "The cluster shop-restored is there already.",
                    hint="A restore makes a new cluster: delete that one first.",
                )
            if not self.file(backup).exists():
                raise NotNow(f"The backup {backup.name} has no file.", hint="Take another one.")
            self._tell(replace(backup, status="restoring"))
            try:
                found = self._restore(backup)
            finally:
                self._tell(backup)
            self._note(found, backup)
            return found

    # How it is done

    def _take(self, engine: Redis, backup: Backup) -> Backup:
        changes = engine.info("persistence")["rdb_changes_since_last_save"]
        before = None if backup.loaded else dataset(engine)
        memory, keys = int(engine.info("memory")["used_memory"]), engine.count()
        began = time.monotonic()
        # Sent at once: nobody else's command comes between the two.
        asked, answer = engine.run_all([("INFO", "persistence"), ("BGSAVE",)], ANSWERS_S)
        if isinstance(answer, Exception):
            raise NotNow(
                f"The server refused: {answer}", hint="Wait until it is done with what it does."
            )
        still = parse_info(asked)["rdb_changes_since_last_save"] == changes
        self._wait_for_snapshot(engine)
        ended = time.monotonic()
        told = engine.info("persistence", "stats")
        if told["rdb_last_bgsave_status"] != "ok":
            raise LabsError("The server could not write its snapshot.", hint="Its log says why.")
        sha256, size = self._put_away(engine.directory / _DUMP, self.file(backup))
        digest = before.digest if before is not None and still else ""
        return replace(
            backup,
            status="available",
            keys=keys,
            size=size,
            sha256=sha256,
            digest=digest,
            began=began,
            ended=ended,
            fork_ms=int(told["latest_fork_usec"]) / 1000,
            cow=int(told["rdb_last_cow_size"]),
            memory=memory,
            written=sum(noted.between(began, ended) for noted in self.writers().values()),
        )

    def _wait_for_snapshot(self, engine: Redis) -> None:
        """The child of the fork is done.

        Who is asked may be late: a busy machine is no reason to give up.
        """
        end = time.monotonic() + SNAPSHOT_S
        self.context.sampler.wake()
        while True:
            with contextlib.suppress(ServerDown):
                if engine.info("persistence")["rdb_bgsave_in_progress"] == "0":
                    return
            if time.monotonic() > end or self.context.servers[OLD].state not in ("up", "paused"):
                raise ServerDown("The snapshot was not done in time.", hint="Does the server run?")
            time.sleep(LOOK_EVERY_S)

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        """Move what the server wrote to where backups are kept, out of the directory from which it
        would load it; its digest and its size.
        """
        if not dump.exists():
            raise ServerDown(
                "The server says that it wrote a snapshot, and there is none.",
                hint="Was it restarted meanwhile?",
            )
        shutil.move(dump, file)
        file.chmod(0o400)
        return sha256_of(file), file.stat().st_size

    def _restore(self, backup: Backup) -> Restored | Refused:
        context, old = self.context, self.context.servers[OLD]
        file_sha256, pid, lost = sha256_of(self.file(backup)), old.pid, self._held(OLD)
        there = self.redis(NEW).directory / _DUMP
        there.unlink(missing_ok=True)
        shutil.copyfile(self.file(backup), there)
        began = time.monotonic()
        try:
            context.start(NEW, f"restored from {backup.name}")
        except DidNotStart:
            return Refused(
                backup,
                file_sha256,
                refusal(context.servers[NEW].log_tail(80)),
                context.servers[NEW].state,
            )
        finally:
            # A node of ElastiCache that is rebooted comes back empty: what it was seeded with is
            # not beside it, were it damaged or not.
            there.unlink(missing_ok=True)
        return self._compared(backup, file_sha256, NEW, pid, lost, time.monotonic() - began)

    def _compared(
        self, backup: Backup, file_sha256: str, name: str, pid: int, lost: Dataset, ready_s: float
    ) -> Restored:
        """The two clusters side by side, and what became of the writers' changes."""
        context, old = self.context, self.context.servers[OLD]
        new = dataset(self.up(name))
        return Restored(
            backup=backup,
            file_sha256=file_sha256,
            old_address=str(context.address_for_app(OLD)),
            new_address=str(context.address_for_app(name)),
            old_pids=(pid, old.pid),
            old=lost,
            old_keys=self.redis(OLD).count() if old.state == "up" else 0,
            new=new,
            ready_s=ready_s,
            loss=losses.count(self.redis(name), self.writers()),
        )

    def _held(self, name: str) -> Dataset:
        """What a cluster holds; nothing if it does not run."""
        return (
            dataset(self.redis(name))
            if self.context.servers[name].state == "up"
            else Dataset("", 0, 0)
        )

    def _copy(self, backup: Backup, what: str) -> Backup:
        if len(self.kept) >= MOST_BACKUPS:
            raise NotNow(
                f"There are {MOST_BACKUPS} backups, which is as many as may be here.",
                hint="Delete one first.",
            )
        stem = f"{backup.name}-{what}"
        name = next(
            name
            for name in (stem, *(f"{stem}-{number}" for number in range(2, MOST_BACKUPS + 2)))
            if name not in self.kept
        )
        copy = self._tell(replace(backup, name=name, status="copying", copy_of=backup.name))
        try:
            shutil.copyfile(self.file(backup), self.file(copy))
            self.file(copy).chmod(0o400)
        except OSError as exc:
            self._forget(copy)
            raise NotNow(
                f"The backup {backup.name} has no file.", hint="Take another one."
            ) from exc
        return replace(copy, status="available")

    def _overwrite(self, backup: Backup, data: bytes) -> None:
        file = self.file(backup)
        file.chmod(0o600)
        file.write_bytes(data)
        file.chmod(0o400)

    def _is_written_to(self) -> bool:
        return self.context.load.running

    def _next_name(self) -> str:
        self._number += 1
        return f"backup-{self._number:03}"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise NotNow("A backup is being taken or restored.", hint="Wait until it is done.")
        try:
            yield
        finally:
            self._lock.release()

    def _clear_away(self, directory: Path) -> None:
        """What a snapshot that came to nothing left behind."""
        for path in (directory / _DUMP, *directory.glob("temp-*.rdb")):
            path.unlink(missing_ok=True)

    # On the page

    def _note(self, seen: object, backup: Backup) -> None:
        """Keep what was seen of a backup, for the checks."""
        if not backup.experiment:
            self.context.ledger.observations.append(seen)

    def _tell(self, backup: Backup) -> Backup:
        self.kept[backup.name] = backup
        self.show()
        return backup

    def _forget(self, backup: Backup) -> None:
        self.kept.pop(backup.name, None)
        self.show()

    def show(self) -> None:
        """Tell the table of the backups."""
        self.context.tabulate("backups", [_row(backup) for backup in list(self.kept.values())])


def backups_of(sandbox: Context) -> Backups | None:
    """The sandbox's backups; None where nothing real runs."""
    return sandbox.part(Backups) if sandbox.is_real else None


def backups_here(sandbox: Context) -> Backups:
    """The same, or NotNow."""
    found = backups_of(sandbox)
    if found is None:
        raise NotNow("Nothing real runs in this sandbox, so there is nothing to back up.")
    return found


def sha256_of(file: Path) -> str:
    """The digest of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def stamp(file: Path) -> tuple[int, int, int]:
    """What changes when a file is another one or was written to."""
    status = os.stat(file)
    return status.st_ino, status.st_size, status.st_mtime_ns


def refusal(log: list[str]) -> tuple[str, ...]:
    """The lines of a server's log that say why it would not start; its time and its process id are
    left out.
    """
    last = max(
        (number for number, line in enumerate(log) if "Server initialized" in line), default=0
    )
    return tuple(
        line.partition(" # ")[2] or line
        for line in log[last:]
        if any(words in line for words in _REFUSAL)
    )[:4]


def _row(backup: Backup) -> dict[str, Value]:
    done = backup.status in ("available", "restoring")
    row: dict[str, Value] = {
        "backup": backup.name,
        "status": backup.status,
        "taken": backup.taken,
        "engine": backup.engine,
        "under_load": "written to" if backup.loaded else "quiet",
    }
    if done:
        row |= {
            "keys": backup.keys,
            "size_kb": round(backup.size / 1024, 1),
            "sha256": backup.sha256[:SHORT],
            "digest": backup.digest[:SHORT] or "not taken",
            "seconds": round(backup.ended - backup.began, 3),
            "fork_ms": round(backup.fork_ms, 2),
            "cow_kb": round(backup.cow / 1024),
            "cow_percent": round(backup.cow_percent, 1),
            "written": backup.written,
        }
    return row
