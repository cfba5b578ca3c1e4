"""Backups that are wrong on purpose. Each must be caught at the check that is meant to catch it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from labs.catalogue.backup_restore.backups import OLD, Backup, Backups, Restored, sha256_of
from labs.lab import Mutant

CHECKSUM_BYTES = 8


class NeverWrites(Backups):
    """Notes everything and keeps no file."""

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = sha256_of(dump), dump.stat().st_size
        dump.unlink()
        return noted


class TooLate(Backups):
    """Comes when the data is gone already."""

    def take(self) -> Backup:
        self.up(OLD).flush()
        return super().take()


class Corrupts(Backups):
    """Loses the end of every file on the way to where it is kept."""

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = super()._put_away(dump, file)
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[: noted[1] * 9 // 10])
        return noted


class RestoresInPlace(Backups):
    """Puts the file beside the server that lost its data, and restarts that."""

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
    """Stops the writers first, and says that they wrote."""

    def _take(self, engine: object, backup: Backup) -> Backup:
        self.context.stop_load("a backup is taken")
        return super()._take(self.up(OLD), backup)


class ChecksNothing(Backups):
    """Damages a copy and takes the checksum out: 0 means that there is none to compare with."""

    def damage(self, name: str, how: str) -> Backup:
        damaged = super().damage(name, "bit")
        self._overwrite(
            damaged, self.file(damaged).read_bytes()[:-CHECKSUM_BYTES] + bytes(CHECKSUM_BYTES)
        )
        return damaged


WRONG = (
    Mutant(
        "never-written",
        "lists a backup, with its size and its digest, and keeps no file",
        "file-with-digest",
        parts=(NeverWrites,),
    ),
    Mutant("too-late", "takes the backup after the accident", "same-data", parts=(TooLate,)),
    Mutant(
        "corrupted",
        "loses the end of every file on its way",
        "file-with-digest",
        parts=(Corrupts,),
    ),
    Mutant(
        "in-place",
        "restores into the cluster that lost its data, at its endpoint",
        "new-endpoint",
        parts=(RestoresInPlace,),
    ),
    Mutant(
        "no-load",
        "claims a load, and stops the writers while the file is written",
        "copy-on-write",
        parts=(ClaimsALoad,),
    ),
    Mutant(
        "no-checksum",
        "starts a cluster from a damaged file that carries no checksum",
        "damaged-refused",
        parts=(ChecksNothing,),
    ),
)
