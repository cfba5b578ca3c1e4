"""What must be seen in the lab backup-restore: judged from the files, from what the servers held,
and from the writers' notebooks.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from labs.catalogue.backup_restore import bystander
from labs.catalogue.backup_restore.trials import Read
from labs.events import Value
from labs.lab import Verdict, check, evidence_of, met, require_seen, unmet
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
        hint="Fill the cluster, then have it backed up.",
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
            f"{backup.name} stands in the list, and there is no such file.",
            evidence,
            hint="A list of backups is no backup. What was written to the disk?",
        )
    try:
        now, size = _sha256(file, stamp(file)), file.stat().st_size
    except FileNotFoundError:
        # It is being deleted: in a moment it is no longer in the list.
        raise unmet(f"The file of {backup.name} has gone.", evidence) from None
    evidence |= {
        "sha256_now": now[:SHORT],
        "bytes": size,
        "in_the_server_s_directory": file.parent == found.redis(OLD).directory,
    }
    if (now, size) != (backup.sha256, backup.size):
        raise unmet(
            f"The file of {backup.name} is not the one that was noted.",
            evidence,
            hint="What happened to the file since it was taken?",
        )
    return met(
        f"{backup.name}: {backup.keys:,} keys in {size:,} bytes, SHA-256 {now[:SHORT]}…, as "
        "noted when it was taken.",
        evidence,
    )


@check("Restored, the data has the digest that it had before the accident")
def same_data(sandbox: Sandbox) -> Verdict:
    restored = [one for one in _restored(sandbox) if one.backup.digest and not one.backup.loaded]
    refused = sandbox.ledger.newest(Refused)
    if not restored and refused is not None and not refused.backup.copy_of:
        raise unmet(
            f"No server starts from {refused.backup.name}: "
            f"{refused.words[0] if refused.words else refused.state}",
            _bytes_of(refused),
            hint="Are the bytes still those that were noted?",
        )
    require_seen(
        restored,
        "No backup of a quiet cluster has been restored yet.",
        hint="Only where no client writes can the data be held against what it was: take a "
        "backup without a load, lose the data, restore.",
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
                "What was restored is empty.",
                evidence,
                hint="When was this backup taken: before the data was lost, or after?",
            )
        elif after.digest != before.digest:
            problem = unmet(
                "What was restored is not what was backed up.",
                evidence,
                hint="Compare the digests and the number of keys.",
            )
        elif one.old.digest == before.digest:
            problem = unmet(
                "The same data, and nothing had been lost yet.",
                evidence,
                hint="What would tell you that a backup is of use? Something must be lost.",
            )
        else:
            return met(
                f"{after.keys:,} keys of {len(after.types)} types, with their values and their "
                f"ends: the digest is {after.digest[:SHORT]}… again. After the accident it was "
                "another.",
                evidence,
            )
    raise problem


@check("A restore makes a new cluster at a new address; the old one stays, empty")
def new_endpoint(sandbox: Sandbox) -> Verdict:
    one = require_seen(
        next((one for one in _restored(sandbox) if not one.old.keys), None),
        "No cluster has been restored after an accident yet.",
        hint="Lose the data, then restore a backup.",
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
            "The data is back at the address that it had.",
            evidence,
            hint="What does the service make of a backup: the old cluster again, or another one?",
        )
    if pid_before != pid_after or not pid_after or one.old_keys:
        raise unmet(
            "The old cluster was touched by the restore.",
            evidence,
            hint="A restore has nothing to do with the cluster that lost its data.",
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
            "The application has not asked the old endpoint since the data was lost.",
            evidence,
            hint="What does an application get that does not know of the restore?",
        )
    if not asked_new:
        raise unmet(
            "The application has not found its data at the new endpoint yet.",
            evidence,
            hint="Which address stands in the application’s settings?",
        )
    return met(
        f"The data is at {one.new_address}. At {one.old_address} the old cluster still answers, "
        "and has nothing: the application needed the new address.",
        evidence,
    )


@check("What was written after the snapshot is gone, to the last change")
def writes_lost(sandbox: Sandbox) -> Verdict:
    restored = require_seen(
        [one for one in _restored(sandbox) if one.loss.kept + one.loss.gone],
        "No backup has been restored that was taken while writers wrote.",
        hint="Let writers write while a backup is taken and after it; then restore it.",
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
            f"{loss.wrong} products are not as they were at one moment.",
            evidence,
            hint="Was the file written by the server at one moment?",
        )
    if not loss.kept or not loss.gone:
        raise unmet(
            "All changes lie on one side of the snapshot.",
            evidence,
            hint="Writers must write before it as well as after it.",
        )
    return met(
        f"{loss.gone:,} of {acknowledged:,} acknowledged changes are gone: all that came "
        f"after the moment of the snapshot. Each of {loss.products:,} changed products is as it "
        "was at that moment.",
        evidence,
    )


@check("Under a load of writes a snapshot takes more memory than without")
def copy_on_write(sandbox: Sandbox) -> Verdict:
    quiet = sandbox.ledger.newest(Backup, lambda b: b.keys and not b.loaded and not b.written)
    loaded = sandbox.ledger.newest(Backup, lambda b: b.keys and b.loaded)
    if quiet is None or loaded is None:
        raise unmet(
            f"No backup has been taken {'under a load' if quiet else 'without a load'} yet.",
            hint="Take one while no client writes and one while many do, and compare the memory "
            "that was copied.",
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
            "Nothing was changed while the file was written.",
            evidence,
            hint="Which pages have to be copied while a child still needs them? Does any client "
            "write?",
        )
    if quiet.cow >= loaded.cow * MOST_COPIED_QUIET:
        raise unmet(
            "Under this load not much more was copied than without.",
            evidence,
            hint="How many pages are touched while the file is being written? More data takes "
            "longer, more writes touch more.",
        )
    return met(
        f"{loaded.written:,} changes came while the file was written: Redis copied "
        f"{loaded.cow / 1024:,.0f} KB for it, {loaded.cow_percent:.0f} % of its memory. Without "
        f"a load it was {quiet.cow / 1024:,.0f} KB.",
        evidence,
    )


@check("A damaged file is found out, and no server starts from it")
def damaged_refused(sandbox: Sandbox) -> Verdict:
    def is_damaged(one: Restored | Refused) -> bool:
        return one.file_sha256 != one.backup.sha256

    started = sandbox.ledger.newest(Restored, is_damaged)
    if started is not None:
        raise unmet(
            f"A cluster was started from {started.backup.name}, whose bytes are not those that "
            "were noted.",
            _bytes_of(started) | {"keys": started.new.keys},
            hint="What does an RDB file carry at its end, and who looks at it?",
        )
    refused = require_seen(
        sandbox.ledger.newest(Refused, is_damaged),
        "No damaged file has been restored yet.",
        hint="Damage a copy, never the backup itself, and see who notices.",
    )
    evidence = _bytes_of(refused) | {"state": refused.state}
    evidence |= {f"log_{number}": words for number, words in enumerate(refused.words, 1)}
    if not refused.words:
        raise unmet(
            "The server did not start, and did not say why.", evidence, hint="Its log says more."
        )
    return met(f"The server would not start from it: {refused.words[0]}", evidence)


@check("Memcached offers nothing to restore")
def memcached_nothing(sandbox: Sandbox) -> Verdict:
    asked = require_seen(
        sandbox.ledger.newest(bystander.Asked),
        "Memcached has not been asked for a backup yet.",
        hint="It stands beside the cluster, with items in it.",
    )
    evidence: dict[str, Value] = {
        "items_before": asked.items_before,
        "items_after_restart": asked.items_after,
        "files": ", ".join(asked.files) or "none",
        **dict(asked.answers),
    }
    if not asked.items_before:
        raise unmet(
            "Memcached held nothing that it could have lost.", evidence, hint="Fill it first."
        )
    if asked.pids[0] == asked.pids[1] or not asked.refused or asked.files or asked.items_after:
        raise unmet(
            "Something was left of what Memcached held.",
            evidence,
            hint="Is it the same process? What did it answer?",
        )
    return met(
        f"It answered {asked.answers[0][1]} to every wish and wrote no file. Restarted, it has 0 "
        f"of {asked.items_before:,} items: there is nothing to restore.",
        evidence,
    )


@lru_cache(maxsize=256)
def _sha256(file: Path, _stamp: tuple[int, int, int]) -> str:
    """The digest of a file, computed again only when the file has changed."""
    return sha256_of(file)
