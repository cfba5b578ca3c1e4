"""Backups with a mistake in them, which the checks must catch."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from labs.setups.changes.backup import Backup, Restored, sha256_of
from labs.setups.changes.backups import Backups
from labs.setups.changes.bench import OLD

CHECKSUM_BYTES = 8


class NeverWrites(Backups):
    """Lists every backup and keeps no file."""

    def _put_away(self, dump: Path, file: Path) -> tuple[str, int]:
        noted = sha256_of(dump), dump.stat().st_size
        dump.unlink()
        return noted


class TooLate(Backups):
    """Takes the backup when the data is already gone."""

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
    """Puts the file where the server that lost its data loads it, and restarts that server."""

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
    """Stops the writers first, and claims that they wrote."""

    def _take(self, engine: object, backup: Backup) -> Backup:
        self.context.stop_load("a backup is taken")
        return super()._take(self.up(OLD), backup)


class ChecksNothing(Backups):
    """Damages a copy and removes its checksum: 0 means that there is none to compare with."""

    def damage(self, name: str, how: str) -> Backup:
        damaged = super().damage(name, "bit")
        self._overwrite(
            damaged, self.file(damaged).read_bytes()[:-CHECKSUM_BYTES] + bytes(CHECKSUM_BYTES)
        )
        return damaged
