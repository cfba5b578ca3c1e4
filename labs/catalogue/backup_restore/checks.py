"""What must be seen in the lab backup-restore: judged from the files, from what the servers held,
and from the writers' notebooks.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from labs.catalogue.backup_restore import bystander
from labs.catalogue.backup_restore.reads import Read
from labs.events import Value
from labs.lab import Verdict, check, met, unmet
from labs.sandbox.sandbox import Sandbox
from labs.setups.changes.backup import Backup, Refused, Restored, sha256_of, stamp
from labs.setups.changes.backups import Backups
from labs.setups.changes.bench import OLD, SHORT

MOST_COPIED_QUIET = 0.8
"""Without a load a snapshot copies pages too: those that the server itself writes to.

Under a load it must be clearly more.
"""


@check("A backup is a file of its own, and its bytes are those that were noted")
def file_with_digest(sandbox: Sandbox) -> Verdict:
    """A backup is a file of its own, and its bytes are still those that were noted."""
    found = sandbox.part(Backups)
    originals = [
        backup
        for backup in list(found.kept.values())
        if backup.status in ("available", "restoring")
        and not backup.copy_of
        and not backup.experiment
    ]
    if not originals:
        raise unmet("There is no backup yet.", hint="Fill the cluster, then have it backed up.")
    return [_is_as_noted(found, backup) for backup in reversed(originals)][-1]


def _is_as_noted(found: Backups, backup: Backup) -> Verdict:
    file = found.file(backup)
    evidence: dict[str, Value] = {
        "backup": backup.name,
        "keys": backup.keys,
        "engine": backup.engine,
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
    """The dataset's digest before the backup is that after the restore, and was another after the
    accident.
    """
    restored = [
        one
        for one in reversed(sandbox.ledger.seen(Restored))
        if one.backup.digest and not one.backup.loaded
    ]
    if not restored:
        refused = sandbox.ledger.newest(Refused)
        if refused is not None and not refused.backup.copy_of:
            raise unmet(
                f"No server starts from {refused.backup.name}: "
                f"{refused.words[0] if refused.words else refused.state}",
                {
                    "backup": refused.backup.name,
                    "sha256_noted": refused.backup.sha256[:SHORT],
                    "sha256_at_restore": refused.file_sha256[:SHORT],
                },
                hint="Are the bytes still those that were noted?",
            )
        raise unmet(
            "No backup of a quiet cluster has been restored yet.",
            hint="Only where nobody writes can the data be held against what it was: take a "
            "backup without a load, lose the data, restore.",
        )
    for one in restored:
        evidence: dict[str, Value] = {
            "backup": one.backup.name,
            "digest_before": one.backup.digest[:SHORT],
            "digest_after_accident": one.old.digest[:SHORT],
            "digest_restored": one.new.digest[:SHORT],
            "keys_before": one.backup.keys,
            "keys_after_accident": one.old.keys,
            "keys_restored": one.new.keys,
            "keys_with_an_end": one.new.ending,
            "types": ", ".join(sorted(one.new.types)),
        }
        if not one.new.keys:
            problem = unmet(
                "What was restored is empty.",
                evidence,
                hint="When was this backup taken: before the data was lost, or after?",
            )
        elif one.new.digest != one.backup.digest:
            problem = unmet(
                "What was restored is not what was backed up.",
                evidence,
                hint="Compare the digests and the number of keys.",
            )
        elif one.old.digest == one.backup.digest:
            problem = unmet(
                "The same data, and nothing had been lost yet.",
                evidence,
                hint="What would tell you that a backup is of use? Somebody must lose something.",
            )
        else:
            return met(
                f"{one.new.keys:,} keys of {len(one.new.types)} types, with their values and their "
                f"ends: the digest is {one.new.digest[:SHORT]}… again. After the accident it was "
                "another.",
                evidence,
            )
    raise problem


@check("A restore makes a new cluster at a new address; the old one stays, empty")
def new_endpoint(sandbox: Sandbox) -> Verdict:
    """The restored cluster is another one, at another address; the old one is still there, and
    empty; the application needs the new address.
    """
    one = next((one for one in reversed(sandbox.ledger.seen(Restored)) if not one.old.keys), None)
    if one is None:
        raise unmet(
            "No cluster has been restored after an accident yet.",
            hint="Lose the data, then restore a backup.",
        )
    evidence: dict[str, Value] = {
        "old_address": one.old_address,
        "new_address": one.new_address,
        "old_pid_before": one.old_pids[0],
        "old_pid_after": one.old_pids[1],
        "old_keys": one.old_keys,
        "new_keys": one.new.keys,
    }
    if one.new_address == one.old_address:
        raise unmet(
            "The data is back at the address that it had.",
            evidence,
            hint="What does the service make of a backup: the old cluster again, or another one?",
        )
    if one.old_pids[0] != one.old_pids[1] or not one.old_pids[1] or one.old_keys:
        raise unmet(
            "The old cluster was touched by the restore.",
            evidence,
            hint="A restore has nothing to do with the cluster that lost its data.",
        )
    asked_old = any(
        not read.found
        for read in sandbox.ledger.seen(Read)
        if read.address == one.old_address and read.at > one.backup.ended
    )
    asked_new = any(
        read.found for read in sandbox.ledger.seen(Read) if read.address == one.new_address
    )
    evidence |= {
        "read_at_old_address": "nothing" if asked_old else "not asked",
        "read_at_new_address": "found" if asked_new else "not asked",
    }
    if not asked_old:
        raise unmet(
            "The application has not asked the old endpoint since the data was lost.",
            evidence,
            hint="What does an application get that nobody told of the restore?",
        )
    if not asked_new:
        raise unmet(
            "The application has not found its data at the new endpoint yet.",
            evidence,
            hint="Which address stands in the application’s settings?",
        )
    return met(
        f"The data is at {one.new_address}. At {one.old_address} the old cluster still answers, "
        "and has nothing: the application had to be told.",
        evidence,
    )


@check("What was written after the snapshot is gone, to the last change")
def writes_lost(sandbox: Sandbox) -> Verdict:
    """What was written after the snapshot is gone: every such change, and no other."""
    restored = [
        one for one in reversed(sandbox.ledger.seen(Restored)) if one.loss.kept + one.loss.gone
    ]
    if not restored:
        raise unmet(
            "No backup has been restored that somebody had written beside.",
            hint="Let writers write while a backup is taken and after it; then restore it.",
        )
    one = next((one for one in restored if one.loss.kept and one.loss.gone), restored[0])
    loss = one.loss
    evidence: dict[str, Value] = {
        "backup": one.backup.name,
        "acknowledged": loss.kept + loss.gone,
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
        f"{loss.gone:,} of {loss.kept + loss.gone:,} acknowledged changes are gone: all that came "
        f"after the moment of the snapshot. Each of {loss.products:,} changed products is as it "
        "was at that moment.",
        evidence,
    )


@check("Under a load of writes a snapshot takes more memory than without")
def copy_on_write(sandbox: Sandbox) -> Verdict:
    """A snapshot under a load of writes copies memory, more than one without."""
    taken = [backup for backup in reversed(sandbox.ledger.seen(Backup)) if backup.keys]
    quiet, loaded = (
        next((backup for backup in taken if not backup.loaded and not backup.written), None),
        next((backup for backup in taken if backup.loaded), None),
    )
    if quiet is None or loaded is None:
        missing = "without a load" if quiet is None else "under a load"
        raise unmet(
            f"No backup has been taken {missing} yet.",
            hint="Take one while nobody writes and one while many do, and compare the memory "
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
            "Nobody changed anything while the file was written.",
            evidence,
            hint="Which pages have to be copied while a child still needs them? Does anybody "
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
    """A damaged file is detected, and no server starts from it."""
    for one in reversed(sandbox.ledger.seen(Restored)):
        if one.file_sha256 != one.backup.sha256:
            raise unmet(
                f"A cluster was started from {one.backup.name}, whose bytes are not those that "
                "were noted.",
                {
                    "sha256_noted": one.backup.sha256[:SHORT],
                    "sha256_at_restore": one.file_sha256[:SHORT],
                    "keys": one.new.keys,
                },
                hint="What does an RDB file carry at its end, and who looks at it?",
            )
    refused = next(
        (
            one
            for one in reversed(sandbox.ledger.seen(Refused))
            if one.file_sha256 != one.backup.sha256
        ),
        None,
    )
    if refused is None:
        raise unmet(
            "Nobody has tried to restore a damaged file yet.",
            hint="Damage a copy, never the backup itself, and see who notices.",
        )
    evidence: dict[str, Value] = {
        "backup": refused.backup.name,
        "sha256_noted": refused.backup.sha256[:SHORT],
        "sha256_at_restore": refused.file_sha256[:SHORT],
        "state": refused.state,
    }
    evidence |= {f"log_{number}": words for number, words in enumerate(refused.words, 1)}
    if not refused.words:
        raise unmet(
            "The server did not start, and did not say why.",
            evidence,
            hint="Its log says more.",
        )
    return met(f"The server would not start from it: {refused.words[0]}", evidence)


@check("Memcached offers nothing to restore")
def memcached_nothing(sandbox: Sandbox) -> Verdict:
    """Memcached has no command for a backup, writes no file, and is empty after a restart."""
    asked = sandbox.ledger.newest(bystander.Asked)
    if asked is None:
        raise unmet(
            "Nobody has asked Memcached for a backup yet.",
            hint="It stands beside the cluster, with items in it.",
        )
    evidence: dict[str, Value] = {
        "items_before": asked.items_before,
        "items_after_restart": asked.items_after,
        "files": ", ".join(asked.files) or "none",
    }
    evidence |= dict(asked.answers)
    if not asked.items_before:
        raise unmet(
            "Memcached held nothing that it could have lost.",
            evidence,
            hint="Fill it first.",
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
