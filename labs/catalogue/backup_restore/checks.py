"""What a learner must have seen in the lab backup-restore. The checks judge the files, what the
servers held, and the writers' notebooks.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from labs.catalogue.backup_restore import bystander
from labs.catalogue.backup_restore.hints import WHILE_WRITING, to_restore, to_take
from labs.catalogue.backup_restore.trials import Read
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
from labs.sandbox.blocks import hint_for
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes.backup import Backup, Refused, Restored, sha256_of, stamp
from labs.setups.changes.backups import Backups
from labs.setups.changes.bench import OLD, SHORT

MOST_COPIED_QUIET = 0.8
"""Without a load a snapshot copies pages too: those that the server itself writes to.

Under a load it must be clearly more.
"""


def _restored(sandbox: Sandbox) -> list[Restored]:
    return sandbox.ledger.seen(Restored)[::-1]


def _bytes_of(one: Restored | Refused) -> dict[str, Value]:
    return {
        "backup": one.backup.name,
        "sha256_noted": one.backup.sha256[:SHORT],
        "sha256_at_restore": one.file_sha256[:SHORT],
    }


@check("A backup is a file of its own, and its bytes are those that were noted")
def file_with_digest(sandbox: Sandbox) -> Verdict:
    found = sandbox.part(Backups)
    originals = require_seen(
        [
            backup
            for backup in list(found.kept.values())
            if backup.status in ("available", "restoring")
            and not backup.copy_of
            and not backup.experiment
        ],
        "There is no backup yet.",
        hint="In the tab Step press “Fill the cluster”; then press “Take a backup”.",
    )
    return [_is_as_noted(found, backup) for backup in reversed(originals)][-1]


def _is_as_noted(found: Backups, backup: Backup) -> Verdict:
    file = found.file(backup)
    evidence: dict[str, Value] = {
        "backup": backup.name,
        **evidence_of(backup, "keys", "engine"),
        "sha256_noted": backup.sha256[:SHORT],
        "file_is_there": file.exists(),
    }
    if not file.exists():
        raise unmet(
            f"The list has {backup.name}, but there is no such file.",
            evidence,
            hint="Press “Take a backup” again.",
        )
    try:
        now, size = _sha256(file, stamp(file)), file.stat().st_size
    except FileNotFoundError:
        # It is being deleted: in a moment it is no longer in the list.
        raise unmet(f"The file of {backup.name} has just been deleted.", evidence) from None
    evidence |= {
        "sha256_now": now[:SHORT],
        "bytes": size,
        "in_the_server_s_directory": file.parent == found.redis(OLD).directory,
    }
    if (now, size) != (backup.sha256, backup.size):
        raise unmet(
            f"The file of {backup.name} has other bytes than when it was taken.",
            evidence,
            hint="Press “Take a backup” again and compare the two SHA-256 under “How this was "
            "counted”.",
        )
    return met(
        f"The file of {backup.name} holds {backup.keys:,} keys in {size:,} bytes. Its SHA-256 is "
        "still the one that was noted when it was taken.",
        evidence,
    )


@check("The restored data has the digest that it had before the accident")
def same_data(sandbox: Sandbox) -> Verdict:
    restored = [one for one in _restored(sandbox) if one.backup.digest and not one.backup.loaded]
    refused = sandbox.ledger.newest(Refused)
    if not restored and refused is not None and not refused.backup.copy_of:
        raise unmet(
            f"No server starts from {refused.backup.name}: "
            f"{refused.words[0] if refused.words else refused.state}",
            _bytes_of(refused),
            hint=to_restore(
                sandbox,
                "The file was damaged. Choose another one under “Backup”, then press “Restore into "
                "a new cluster”.",
            ),
        )
    require_seen(
        restored,
        "No backup that was taken without a load has been restored yet.",
        hint=to_restore(
            sandbox,
            "While no load runs press “Take a backup”. Press “FLUSHALL” in the tab Break, then "
            "“Restore into a new cluster”.",
        ),
    )
    for one in restored:
        before, after = one.backup, one.new
        evidence: dict[str, Value] = {
            "backup": before.name,
            "digest_before": before.digest[:SHORT],
            "digest_after_accident": one.old.digest[:SHORT],
            "digest_restored": after.digest[:SHORT],
            "keys_before": before.keys,
            "keys_after_accident": one.old.keys,
            "keys_restored": after.keys,
            "keys_with_an_end": after.ending,
            "types": ", ".join(sorted(after.types)),
        }
        if not after.keys:
            problem = unmet(
                "The restored cluster is empty.",
                evidence,
                hint="This backup was taken after the data was lost. Press “Fill the cluster” in "
                "the tab Step and “Take a backup”; then lose the data and restore that backup.",
            )
        elif after.digest != before.digest:
            problem = unmet(
                "The restored data is not the data that was backed up.",
                evidence,
                hint="Compare the digests and the keys under “How this was counted”. Then press "
                "“Take a backup” again, and restore that one.",
            )
        elif one.old.digest == before.digest:
            problem = unmet(
                "The restored data is the same, but the old cluster had lost nothing.",
                evidence,
                hint="Press “FLUSHALL” in the tab Break and “Delete shop-restored”; then “Restore "
                "into a new cluster”.",
            )
        else:
            return met(
                f"The new cluster has {after.keys:,} keys of {len(after.types)} types, with the "
                "digest that the data had before the accident.",
                evidence,
            )
    raise problem


@check("A restore makes a new cluster at a new address; the old one stays, empty")
def new_endpoint(sandbox: Sandbox) -> Verdict:
    one = require_seen(
        next((one for one in _restored(sandbox) if not one.old.keys), None),
        "No backup has been restored after the data was lost yet.",
        hint=to_restore(
            sandbox, "Press “FLUSHALL” in the tab Break, then “Restore into a new cluster”."
        ),
    )
    pid_before, pid_after = one.old_pids
    evidence: dict[str, Value] = {
        **evidence_of(one, "old_address", "new_address"),
        "old_pid_before": pid_before,
        "old_pid_after": pid_after,
        "old_keys": one.old_keys,
        "new_keys": one.new.keys,
    }
    if one.new_address == one.old_address:
        raise unmet(
            "The data is back at the address that it had before.",
            evidence,
            hint="A restore must make a new cluster. Compare the addresses under “How this was "
            "counted”.",
        )
    if pid_before != pid_after or not pid_after or one.old_keys:
        raise unmet(
            "The old cluster has restarted or has keys again since the restore.",
            evidence,
            hint="Press “FLUSHALL” in the tab Break and “Delete shop-restored”, then “Restore into "
            "a new cluster”. Leave the cluster shop as it is.",
        )
    reads = sandbox.ledger.seen(Read)
    asked_old = any(
        read.address == one.old_address and read.at > one.backup.ended and not read.found
        for read in reads
    )
    asked_new = any(read.address == one.new_address and read.found for read in reads)
    evidence |= {
        "read_at_old_address": "nothing" if asked_old else "not asked",
        "read_at_new_address": "found" if asked_new else "not asked",
    }
    if not asked_old:
        raise unmet(
            "The app has not asked the old endpoint since the data was lost.",
            evidence,
            hint="Set “The application asks” to “shop”, then press “Ask for a page” in the tab "
            "Step.",
        )
    if not asked_new:
        raise unmet(
            "The app has not found its data at the new endpoint yet.",
            evidence,
            hint="Set “The application asks” to “shop-restored”, then press “Ask for a page” in "
            "the tab Step.",
        )
    return met(
        f"The app found its data at {one.new_address}. The old cluster still answers at "
        f"{one.old_address}, but it is empty.",
        evidence,
    )


@check("The new cluster lacks every change that came after the snapshot")
def writes_lost(sandbox: Sandbox) -> Verdict:
    restored = require_seen(
        [one for one in _restored(sandbox) if one.loss.kept + one.loss.gone],
        "No backup that was taken under a load has been restored yet.",
        hint=to_take(sandbox, to_restore(sandbox, WHILE_WRITING)),
    )
    one = next((one for one in restored if one.loss.kept and one.loss.gone), restored[0])
    loss, acknowledged = one.loss, one.loss.kept + one.loss.gone
    evidence: dict[str, Value] = {
        "backup": one.backup.name,
        "acknowledged": acknowledged,
        "in_the_restored_cluster": loss.kept,
        "gone": loss.gone,
        "products_with_a_change": loss.products,
        "products_that_differ": loss.wrong,
    }
    if loss.wrong:
        raise unmet(
            f"{loss.wrong} products have another value than at the moment of the snapshot.",
            evidence,
            hint="The commands that you type change products, too. Press “Fill the cluster” in the "
            "tab Step and do it again without them.",
        )
    if not loss.kept or not loss.gone:
        raise unmet(
            "All changes came before the snapshot, or all came after it.",
            evidence,
            hint=to_take(sandbox, to_restore(sandbox, WHILE_WRITING)),
        )
    return met(
        f"The new cluster lacks {loss.gone:,} of {acknowledged:,} acknowledged changes: all that "
        f"came after the snapshot. All {loss.products:,} changed products are as they were then.",
        evidence,
    )


@check("Under a load of writes a snapshot takes more memory than without")
def copy_on_write(sandbox: Sandbox) -> Verdict:
    quiet = sandbox.ledger.newest(Backup, lambda b: b.keys and not b.loaded and not b.written)
    loaded = sandbox.ledger.newest(Backup, lambda b: b.keys and b.loaded)
    if quiet is None or loaded is None:
        raise unmet(
            f"No backup has been taken {'under a load' if quiet else 'without a load'} yet.",
            hint=to_take(
                sandbox,
                "Press “Start the load” in the tab Load, then “Take a backup” while it runs."
                if quiet
                else "In the tab Step press “Fill the cluster” if shop is empty. While no load "
                "runs press “Take a backup”.",
            ),
        )
    evidence: dict[str, Value] = {
        "cow_bytes_quiet": quiet.cow,
        "cow_bytes_under_load": loaded.cow,
        "cow_percent_quiet": round(quiet.cow_percent, 1),
        "cow_percent_under_load": round(loaded.cow_percent, 1),
        "used_memory": loaded.memory,
        "changes_while_it_was_written": loaded.written,
        "fork_ms": round(loaded.fork_ms, 2),
        "snapshot_s": round(loaded.ended - loaded.began, 3),
    }
    if not loaded.written:
        raise unmet(
            "No client changed anything while the file was written.",
            evidence,
            hint=to_take(
                sandbox,
                "Press “Start the load” in the tab Load, then “Take a backup” while it runs.",
            ),
        )
    if quiet.cow >= loaded.cow * MOST_COPIED_QUIET:
        raise unmet(
            "Redis copied not much more memory under this load than without one.",
            evidence,
            hint=to_take(
                sandbox,
                "In the tab Load raise “Changes wanted” to 10,000/s and press “Start the load”; "
                "then press “Take a backup”.",
            ),
        )
    return met(
        f"Redis copied {loaded.cow / 1024:,.0f} KB while it wrote the file under a load, "
        f"{loaded.cow_percent:.0f} % of its memory. Without a load it copied "
        f"{quiet.cow / 1024:,.0f} KB.",
        evidence,
    )


@check("Redis detects a damaged file and does not start from it")
def damaged_refused(sandbox: Sandbox) -> Verdict:
    def is_damaged(one: Restored | Refused) -> bool:
        return one.file_sha256 != one.backup.sha256

    started = sandbox.ledger.newest(Restored, is_damaged)
    if started is not None:
        raise unmet(
            f"A cluster started from {started.backup.name}, although its file was damaged.",
            _bytes_of(started) | {"keys": started.new.keys},
            hint="An RDB file ends with a checksum, and Redis must compare it. Press “Delete "
            "shop-restored” and “Damage a copy”, then “Restore into a new cluster”.",
        )
    refused = require_seen(
        sandbox.ledger.newest(Refused, is_damaged),
        "No damaged file has been restored yet.",
        hint=to_restore(
            sandbox,
            "Press “Damage a copy”. Choose the copy under “Backup”, then press “Restore into a new "
            "cluster”.",
        ),
    )
    evidence = _bytes_of(refused) | {"state": refused.state}
    evidence |= {f"log_{number}": words for number, words in enumerate(refused.words, 1)}
    if not refused.words:
        raise unmet(
            "The server did not start, and its log does not say why.",
            evidence,
            hint="Press “Restore into a new cluster” again with the damaged copy.",
        )
    return met(f"Redis refused to start from the damaged file: {refused.words[0]}", evidence)


@check("Memcached offers nothing to restore")
def memcached_nothing(sandbox: Sandbox) -> Verdict:
    asked = require_seen(
        sandbox.ledger.newest(bystander.Asked),
        "Memcached has not been asked for a backup yet.",
        hint=hint_for(
            sandbox,
            "In the tab Step press “Fill the cluster”, then “Ask Memcached for a backup, "
            "restart it”.",
        ),
    )
    evidence: dict[str, Value] = {
        "items_before": asked.items_before,
        "items_after": asked.items_after,
        "files": ", ".join(asked.files) or "none",
        **{f"answer_to_{command}": answer for command, answer in asked.answers},
    }
    if not asked.items_before:
        raise unmet(
            "Memcached was empty before the restart, so it had nothing to lose.",
            evidence,
            hint="In the tab Step press “Fill the cluster”, then “Ask Memcached for a backup, "
            "restart it”.",
        )
    if asked.pids[0] == asked.pids[1] or not asked.refused or asked.files or asked.items_after:
        raise unmet(
            "Memcached has items or a file after its restart.",
            evidence,
            hint="Press “Ask Memcached for a backup, restart it” in the tab Step again.",
        )
    return met(
        f"Memcached answered {asked.answers[0][1]} to every command and wrote no file. After its "
        f"restart it had none of {asked.items_before:,} items.",
        evidence,
    )


@lru_cache(maxsize=256)
def _sha256(file: Path, _stamp: tuple[int, int, int]) -> str:
    """The digest of a file, computed again only when the file has changed."""
    return sha256_of(file)
