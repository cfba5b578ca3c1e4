"""The backups of a sandbox, instead of the service's: a server writes a snapshot, the file is kept
with its digest, and a new cluster is started from it.

Every figure comes from a server or from a file. Each backup and restore stays in the sandbox's
ledger, for the checks.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from labs.engines.dataset import Dataset, dataset
from labs.engines.redis import Redis, parse_info
from labs.errors import BadInput, DidNotStart, LabsError, NotNow, ServerDown, ServerNotUp
from labs.sandbox.context import Context
from labs.sandbox.part import Part
from labs.setups.changes import losses, shop_data
from labs.setups.changes.backup import Backup, Refused, Restored, refusal, sha256_of
from labs.setups.changes.bench import NEW, OLD
from labs.setups.changes.tables import BACKUPS
from labs.setups.changes.writers import Writers

MOST_BACKUPS = 20
SNAPSHOT_S = 20.0
LOOK_EVERY_S = 0.01
ANSWERS_S = 3.0
_DUMP = "dump.rdb"


class Backups(Part):
    """Takes, copies, damages, deletes and restores backups of the cluster, one at a time: a second
    caller gets NotNow.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._writers = context.part(Writers)
        self._lock = threading.Lock()
        self._number = 0
        self.experiment = False
        """True while a prediction is measured: the checks do not see what is taken and restored
        meanwhile.
        """
        self.kept: dict[str, Backup] = {}
        """By name. Only the holder of the lock changes it, so others use a copy."""
        self.folder = context.directory / "backups"

    def opened(self) -> None:
        """Begin without backups, and without the files of an earlier snapshot."""
        self._number = 0
        self.experiment = False
        self.kept.clear()
        if not self.context.is_real:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        for name in (OLD, NEW):
            self._clear_away(self.redis(name).directory)

    restarted = opened

    def readings(self, seconds: float) -> dict[str, float]:
        """How many keys each cluster holds, and what the snapshot of the old one does."""
        values: dict[str, float] = {}
        for name, held in ((OLD, "shop_items"), (NEW, "restored_items")):
            engine = self.context.servers[name].engine
            if self.context.servers[name].state == "up" and isinstance(engine, Redis):
                with contextlib.suppress(ServerDown):
                    values[held] = float(engine.count())
                    if name == OLD:
                        info = engine.info("memory", "persistence")
                        values |= {
                            "cache_bytes": float(info["used_memory"]),
                            "save_in_progress": float(info["rdb_bgsave_in_progress"]),
                            "cow_bytes": float(info["rdb_last_cow_size"]),
                        }
        taken = [backup for backup in list(self.kept.values()) if backup.cow and not backup.copy_of]
        if taken:
            values["cow_percent"] = taken[-1].cow_percent
        return values

    def redis(self, name: str) -> Redis:
        """The engine of one of the two clusters."""
        engine = self.context.servers[name].engine
        assert isinstance(engine, Redis)
        return engine

    def up(self, name: str) -> Redis:
        """The engine of a cluster that is up. Raises ServerNotUp."""
        if self.context.servers[name].state != "up":
            raise ServerNotUp(
                f"{self.context.lab.topology.node(name).label} is not up.",
                hint="Look at the drawing: it may be down or paused.",
            )
        return self.redis(name)

    def file(self, backup: Backup) -> Path:
        """Where a backup's file is kept."""
        return self.folder / f"{backup.name}.rdb"

    def find(self, name: str) -> Backup:
        """The backup of this name, or the newest one; BadInput if there is none."""
        available = [backup for backup in list(self.kept.values()) if backup.status == "available"]
        for backup in reversed(available):
            if name in ("", backup.name):
                return backup
        raise BadInput(
            f"There is no backup {name[:40]!r}." if name else "There is no backup yet.",
            hint="There are " + (", ".join(backup.name for backup in available) or "none") + ".",
        )

    def take(self) -> Backup:
        """Have the server write a snapshot, and keep the file. Raises NotNow, ServerDown."""
        with self._alone():
            engine = self.up(OLD)
            self._require_room()
            self._number += 1
            backup = self._keep(
                Backup(
                    f"backup-{self._number:03}",
                    "creating",
                    time.strftime("%H:%M:%S", time.gmtime()),
                    engine=f"Redis {self.context.servers[OLD].version}",
                    loaded=self.context.load.running,
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
            return self._keep(backup)

    def copy(self, name: str) -> Backup:
        """Another backup with the same bytes."""
        with self._alone():
            return self._keep(self._copy(self.find(name), "copy"))

    def damage(self, name: str, how: str) -> Backup:
        """A copy with one bit changed (`bit`), or without its second half (`cut`). Its entry in the
        list has the size and digest of the original.
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
            return self._keep(damaged)

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
            self._keep(replace(backup, status="restoring"))
            try:
                found = self._restore(backup)
            finally:
                self._keep(backup)
            self._note(found, backup)
            return found

    def _take(self, engine: Redis, backup: Backup) -> Backup:
        changes = engine.info("persistence")["rdb_changes_since_last_save"]
        before = None if backup.loaded else dataset(engine)
        memory, keys = int(engine.info("memory")["used_memory"]), engine.count()
        began = time.monotonic()
        # Sent together: no command of another client is executed between the two.
        asked, answer = engine.run_all([("INFO", "persistence"), ("BGSAVE",)], ANSWERS_S)
        if isinstance(answer, Exception):
            raise NotNow(
                f"The server refused: {answer}", hint="Wait some seconds, then press it again."
            )
        still = parse_info(asked)["rdb_changes_since_last_save"] == changes
        self._wait_for_snapshot(engine)
        ended = time.monotonic()
        info = engine.info("persistence", "stats")
        if info["rdb_last_bgsave_status"] != "ok":
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
            fork_ms=int(info["latest_fork_usec"]) / 1000,
            cow=int(info["rdb_last_cow_size"]),
            memory=memory,
            written=sum(noted.between(began, ended) for noted in self._writers.notes().values()),
        )

    def _wait_for_snapshot(self, engine: Redis) -> None:
        """Wait until the child of the fork is done. If the server does not answer in time, ask
        again, because the machine may only be busy.
        """
        end = time.monotonic() + SNAPSHOT_S
        self.context.sampler.wake()
        while True:
            with contextlib.suppress(ServerDown):
                if engine.info("persistence")["rdb_bgsave_in_progress"] == "0":
                    return
            if time.monotonic() > end or self.context.servers[OLD].state not in ("up", "paused"):
                raise ServerDown(
                    "The snapshot was not done in time.",
                    hint="Look at the drawing: the server may be down.",
                )
            time.sleep(LOOK_EVERY_S)

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        """Move the file from the directory where the server would load it to where backups are
        kept; its digest and its size.
        """
        if not dump.exists():
            raise ServerDown(
                "The server says that it wrote a snapshot, and there is none.",
                hint="It may have been restarted meanwhile.",
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
            new = context.servers[NEW]
            return Refused(backup, file_sha256, refusal(new.log_tail(80)), new.state)
        finally:
            # A node of ElastiCache comes back empty from a reboot, so the file must not stay where
            # the server would load it again, damaged or not.
            there.unlink(missing_ok=True)
        return self._compared(backup, file_sha256, NEW, pid, lost, time.monotonic() - began)

    def _compared(
        self, backup: Backup, file_sha256: str, name: str, pid: int, lost: Dataset, ready_s: float
    ) -> Restored:
        """Both clusters as they are now, and what became of the writers' changes."""
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
            loss=losses.count(self.redis(name), self._writers.notes()),
        )

    def _held(self, name: str) -> Dataset:
        """The keys and the digest of a cluster; none if it does not run."""
        is_up = self.context.servers[name].state == "up"
        return dataset(self.redis(name)) if is_up else Dataset("", 0, 0)

    def _copy(self, backup: Backup, what: str) -> Backup:
        self._require_room()
        stem = f"{backup.name}-{what}"
        name = next(
            name
            for name in (stem, *(f"{stem}-{number}" for number in range(2, MOST_BACKUPS + 2)))
            if name not in self.kept
        )
        copy = self._keep(replace(backup, name=name, status="copying", copy_of=backup.name))
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

    def _require_room(self) -> None:
        if len(self.kept) >= MOST_BACKUPS:
            raise NotNow(
                f"There are {MOST_BACKUPS} backups, and this lab keeps no more.",
                hint="Delete one first.",
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise NotNow("A backup is being taken or restored.", hint="Wait until it is done.")
        try:
            yield
        finally:
            self._lock.release()

    def _clear_away(self, directory: Path) -> None:
        """Remove the files of a snapshot that failed."""
        for path in (directory / _DUMP, *directory.glob("temp-*.rdb")):
            path.unlink(missing_ok=True)

    def _note(self, seen: object, backup: Backup) -> None:
        """Keep a backup or a restore in the ledger, for the checks."""
        if not backup.experiment:
            self.context.ledger.observe(seen)

    def _keep(self, backup: Backup) -> Backup:
        self.kept[backup.name] = backup
        self._show()
        return backup

    def _forget(self, backup: Backup) -> None:
        self.kept.pop(backup.name, None)
        self._show()

    def _show(self) -> None:
        self.context.tabulate(BACKUPS.name, [backup.row for backup in list(self.kept.values())])


def backups_of(sandbox: Context) -> Backups:
    """The sandbox's backups. Raises NotNow where nothing real runs."""
    if not sandbox.is_real:
        raise NotNow("Nothing real runs in this sandbox, so there is nothing to back up.")
    return sandbox.part(Backups)
