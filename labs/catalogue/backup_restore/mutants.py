"""What the checks of the lab backup-restore must catch: backups with a mistake in them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from labs.catalogue.backup_restore import checks
from labs.lab import Mutant
from labs.setups.changes.backup import Backup, Restored, sha256_of
from labs.setups.changes.backups import Backups
from labs.setups.changes.bench import OLD
from labs.setups.changes.writers import Writers

CHECKSUM_BYTES = 8


class NeverWrites(Backups):
    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = sha256_of(dump), dump.stat().st_size
        dump.unlink()
        return noted


class TooLate(Backups):
    def take(self) -> Backup:
        self.up(OLD).flush()
        return super().take()


class Corrupts(Backups):
    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = super()._put_away(dump, file)
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[: noted[1] * 9 // 10])
        return noted


class RestoresInPlace(Backups):
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
    def _take(self, engine: object, backup: Backup) -> Backup:
        self.context.stop_load("a backup is taken")
        return super()._take(self.up(OLD), backup)


class ChecksNothing(Backups):
    def damage(self, name: str, how: str) -> Backup:
        damaged = super().damage(name, "bit")
        self._overwrite(
            damaged, self.file(damaged).read_bytes()[:-CHECKSUM_BYTES] + bytes(CHECKSUM_BYTES)
        )
        return damaged


MUTANTS = (
    Mutant(
        "never-written",
        "lists a backup, with its size and its digest, and keeps no file",
        checks.file_with_digest,
        parts=(Writers, NeverWrites),
    ),
    Mutant(
        "too-late",
        "takes the backup after the accident",
        checks.same_data,
        parts=(Writers, TooLate),
    ),
    Mutant(
        "corrupted",
        "loses the end of every file on its way",
        checks.file_with_digest,
        parts=(Writers, Corrupts),
    ),
    Mutant(
        "in-place",
        "restores into the cluster that lost its data, at its endpoint",
        checks.new_endpoint,
        parts=(Writers, RestoresInPlace),
    ),
    Mutant(
        "no-load",
        "claims a load, and stops the writers while the file is written",
        checks.copy_on_write,
        parts=(Writers, ClaimsALoad),
    ),
    Mutant(
        "no-checksum",
        "starts a cluster from a damaged file that carries no checksum",
        checks.damaged_refused,
        parts=(Writers, ChecksNothing),
    ),
)
