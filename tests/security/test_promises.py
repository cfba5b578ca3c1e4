"""What docs/security.md says of limits is what the code has."""

from pathlib import Path

import pytest

from labs import wire
from labs.events.decoding import EVENT_LIMIT
from labs.host import admission, budget, cage, connection, overlay, record, zygote
from labs.runtime import process
from labs.sandbox import (
    console,
    consoles,
    memcached_console,
    memcached_lines,
    sql_reply,
    watchdog,
)
from labs.sandbox.redis_cli import console as redis_console, refusals
from portal import predictions, recorder
from portal.accounts import records as accounts
from portal.bench import flight, sharing
from portal.quizzes import answers
from portal.serve import arriving, gunicorn_settings, limits
from portal.serve.worker import Worker
from portal.web import errors, hub, learner

MB = 1024 * 1024
LIMITS = record.Limits()
ROWS = {
    "a sandbox's memory": (
        f"{LIMITS.budget_mb} MB together",
        f"process {process.MEMORY_OF_A_SERVER // MB} MB",
        f"any other {zygote.MEMORY_OF_A_PROCESS // MB} MB",
    ),
    "its disk": (
        f"{LIMITS.disk_mb} MB together",
        f"{zygote.LONGEST_FILE // MB} MB a file",
        f"{budget.FILES:,} files",
        f"database {overlay.ROOM_MB} MB",
    ),
    "its `/tmp` and `/dev/shm`": (f"{cage.ROOM_FOR_TEMPORARY // MB} MB each",),
    "its processes": (f"{zygote.PROCESSES}", f"{zygote.OPEN_FILES:,} open files each"),
    "its life": (f"{LIMITS.idle_s / 60:g} minutes", f"{LIMITS.longest_s / 3600:g} hours"),
    "calls to it": (
        f"{admission.CALLS_AT_ONCE} at once",
        f"{record.CALLS_PER_S:g} a second",
        f"first {record.CALLS_IN_A_ROW:g}",
    ),
    "what it says to the host": (
        f"{wire.FRAME_LIMIT // MB} MiB;",
        f"{connection.MESSAGES_PER_S} messages",
        f"{connection.BYTES_PER_S // MB} MiB a second",
        f"{EVENT_LIMIT:,} characters",
        f"{connection.OUTCOMES:,} outcomes",
        f"{connection.LOG_ENTRIES} entries",
    ),
    "what keeps a Redis busy": (
        f"a script {watchdog.SCRIPT_LIMIT_S + 1:g} s",
        f"{watchdog.COMMAND_LIMIT_CPU_S:g} s of processor time",
    ),
    "a Redis console": (
        f"command {console.COMMAND_LIMIT // 1024} KiB",
        f"answer {console.OUTPUT_LIMIT // 1024} KiB",
        f"{console.REPLY_DEADLINE_S:g} s, and up to {refusals.LONGEST_WAIT_S} s more",
        f"script {redis_console.SCRIPT_DEADLINE_S:g} s",
        f"{console.MOST_TOGETHER} commands pasted together",
        f"after {consoles.TOGETHER_S:g} s",
    ),
    "an SQL console": (
        f"command {console.COMMAND_LIMIT // 1024} KiB",
        f"answer {console.OUTPUT_LIMIT // 1024} KiB",
        f"{console.ROW_LIMIT} rows and {sql_reply.COLUMN_LIMIT} columns",
        f"{console.SQL_DEADLINE_S:g} s",
    ),
    "a Memcached console": (
        f"line {memcached_lines.LONGEST_LINE:,} bytes",
        f"value {console.COMMAND_LIMIT // 1024} KiB",
        f"answer {console.OUTPUT_LIMIT // 1024} KiB of {memcached_console.MOST_READ // MB} MiB",
        f"{console.MOST_TOGETHER} commands together",
        f"{console.REPLY_DEADLINE_S:g} s",
    ),
    "sandboxes": (
        f"{LIMITS.share:.0%}".replace("%", " %"),
        f"{LIMITS.expected_mb} MB each",
        f"queue of {LIMITS.queue}",
    ),
    "a request": (f"{errors.MAX_REQUEST_BYTES // 1024} KiB",),
    "a request's arrival": (
        f"{Worker.request_s:g} s from its first byte",
        f"head {arriving.HEAD_BYTES // 1024} KiB",
        f"{Worker.arriving_bytes // MB} MiB of all",
    ),
    "an answer": (
        f"{Worker.send_s:g} s for each write",
        f"{Worker.linger_silent_s:g} s of silence",
        f"{Worker.linger_s:g} s in all",
    ),
    "a process's connections": (
        f"{gunicorn_settings.worker_connections:,} with {limits.OPEN_FILES:,} open files",
        f"{limits.connections_with(limits.LEAST_OPEN_FILES)} with {limits.LEAST_OPEN_FILES:,}",
    ),
    "waiting for a thread": (f"{Worker.queued_s:g} s",),
    "what a learner keeps": (
        f"{accounts.MOST_LINKS} working recovery links",
        f"{predictions.KEPT} predictions",
        f"{answers.KEPT} attempts",
        f"{recorder.KEPT} outcomes",
    ),
    "event streams": (f"{hub.PER_LEARNER} a learner", f"{hub.PER_WORKER} a process"),
    "shared flights": (
        f"{sharing.MOST_OF_A_LEARNER} a learner",
        f"{flight.LARGEST // MB} MiB each",
    ),
    "new learners of one address": (
        f"{learner.BEGINNERS_AT_ONCE:g} at once",
        f"{learner.BEGINNERS_PER_S:g} a second",
    ),
}


@pytest.fixture(scope="module")
def table():
    lines = (Path(__file__).resolve().parents[2] / "docs/security.md").read_text().splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| ") and not line.startswith("| of ")
    ]
    return {row[0]: " ".join(row[1:]) for row in rows}


def test_every_row_is_looked_at(table):
    assert set(table) == set(ROWS)


@pytest.mark.parametrize("of", ROWS)
def test_the_limits_are_those_of_the_code(table, of):
    for words in ROWS[of]:
        assert words in table[of]
