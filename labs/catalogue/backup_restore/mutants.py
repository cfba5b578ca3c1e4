"""Backups with a mistake, which the checks of the lab backup-restore must catch."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from labs.catalogue.backup_restore import checks
from labs.lab import Check, Mutant, about_of
from labs.setups.changes.backup import Backup, Restored, sha256_of
from labs.setups.changes.backups import Backups
from labs.setups.changes.bench import OLD
from labs.setups.changes.writers import Writers

CHECKSUM_BYTES = 8


class NeverWrites(Backups):
    """Lists a backup, with its size and its digest, and keeps no file."""

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = sha256_of(dump), dump.stat().st_size
        dump.unlink()
        return noted


class TooLate(Backups):
    """Takes the backup after the accident."""

    def take(self) -> Backup:
        self.up(OLD).flush()
        return super().take()


class Corrupts(Backups):
    """Cuts off the end of every file that it keeps."""

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = super()._put_away(dump, file)
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[: noted[1] * 9 // 10])
        return noted


class RestoresInPlace(Backups):
    """Restores into the cluster that lost its data, at its endpoint."""

    def _restore(self, backup: Backup) -> Restored:
        old = self.context.servers[OLD]
        pid, lost, began = old.pid, self._held(OLD), time.monotonic()
        there = self.redis(OLD).directory / "dump.rdb"
        shutil.copyfile(self.file(backup), there)
        old.restart("it is restored")
        there.unlink()
        return self._compared(
            backup, sha256_of(self.file(backup)), OLD, pid, lost, time.monotonic() - began
        )


class ClaimsALoad(Backups):
    """Claims a load, and stops the writers while the file is written."""

    def _take(self, engine: object, backup: Backup) -> Backup:
        self.context.stop_load("a backup is taken")
        return super()._take(self.up(OLD), backup)


class ChecksNothing(Backups):
    """Starts a cluster from a damaged file that carries no checksum."""

    def damage(self, name: str, how: str) -> Backup:
        damaged = super().damage(name, "bit")
        self._overwrite(
            damaged, self.file(damaged).read_bytes()[:-CHECKSUM_BYTES] + bytes(CHECKSUM_BYTES)
        )
        return damaged


def _mutant(name: str, caught_by: Check, backups: type[Backups]) -> Mutant:
    return Mutant(name, about_of(backups), caught_by, parts=(Writers, backups))


MUTANTS = (
    _mutant("never-written", checks.file_with_digest, NeverWrites),
    _mutant("too-late", checks.same_data, TooLate),
    _mutant("corrupted", checks.file_with_digest, Corrupts),
    _mutant("in-place", checks.new_endpoint, RestoresInPlace),
    _mutant("no-load", checks.copy_on_write, ClaimsALoad),
    _mutant("no-checksum", checks.damaged_refused, ChecksNothing),
)
