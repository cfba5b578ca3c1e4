"""A loss of power of Redis and of a sandbox: what they did not sync is gone. In a process and in a
cage.
"""

import threading
import time
from functools import partial
from multiprocessing import Pipe

import pytest

from labs.catalogue import find
from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.redis import Redis
from labs.errors import ServerDown
from labs.headless import own_supervisor
from labs.load import loop
from labs.load.commits import Commits
from labs.load.controller import LoadController
from labs.network.links import Route
from labs.setups.journal.workload import NumbersSpec, Written
from tests.sandboxes import Opened
from tests.waiting import eventually


class AgainAndAgain:
    """One Redis with a disk of its own, started again and again."""

    def __init__(self, runtime, directory, fsync):
        self.runtime = runtime
        self.log = directory / "log"
        address = Address(runtime.host(1), runtime.port(6379))
        directives = {"appendonly": "yes", "appendfsync": fsync} if fsync else {"save": '""'}
        self.engine = Redis(
            "redis", address, directory, "a password", traced=True, directives=directives
        )
        self.start()

    def start(self):
        self.running = self.runtime.start(self.engine.launch(), self.log)
        eventually(self.answers)

    def answers(self):
        try:
            return self.engine.ready(0.5)
        except ServerDown:
            return None

    def write(self, count):
        for number in range(count):
            self.engine.run("SET", f"write:{number}", "x")

    def cut_power(self):
        self.engine.close()
        done = self.running.cut_power()
        self.start()
        return done


@pytest.fixture
def redis_that(runtime, tmp_path):
    made = []

    def start(fsync):
        made.append(AgainAndAgain(runtime, tmp_path, fsync))
        return made[0]

    yield start
    for one in made:
        one.engine.close()


@pytest.mark.parametrize(("fsync", "kept"), [("always", 200), ("no", 0)])
def test_redis_keeps_what_it_synced_before_it_answered(redis_that, fsync, kept):
    redis = redis_that(fsync)
    redis.write(200)
    redis.cut_power()

    assert redis.engine.count() == kept


def test_redis_that_syncs_every_second_loses_what_came_since(redis_that, tmp_path):
    redis = redis_that("everysec")
    file = next((tmp_path / "data" / "appendonlydir").glob("*.incr.aof"))

    def is_written():
        # While a sync runs Redis holds back what it writes, for up to two seconds, and answers.
        return redis.engine.info("persistence")["aof_buffer_length"] == "0"

    redis.write(100)
    eventually(lambda: is_written() and len(set(redis.running.disk.lengths(file))) == 1, 5.0)
    redis.write(150)
    eventually(is_written)
    lost = redis.cut_power()

    assert redis.engine.count() == (100 if lost else 150)


def test_a_snapshot_of_redis_is_durable_when_it_says_so(redis_that, tmp_path):
    redis = redis_that("")
    redis.write(100)
    redis.engine.run("SAVE")
    redis.write(150)
    assert redis.cut_power() == []

    assert redis.engine.count() == 100
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["dump.rdb"]


def test_transactions_are_replayed_from_the_append_only_file(redis_that):
    """A start replays the file as the user `default`, who is off here: what it may not run would be
    left out.
    """
    redis = redis_that("always")
    redis.engine.run("EVAL", "redis.call('SET', 'a', 1) redis.call('SET', 'b', 2)", 0)
    redis.running.kill()
    redis.engine.close()
    redis.start()

    assert redis.engine.count() == 2


@pytest.fixture(scope="module", params=("cage", "process"))
def supervisor(request):
    with own_supervisor(request.param) as supervisor:
        yield supervisor


@pytest.fixture
def sandbox(supervisor):
    opened = Opened(supervisor, "durability")
    yield opened
    opened.end()


def test_a_sandbox_loses_its_power_in_any_isolation(sandbox):
    sandbox.call("set", name="mode", value="no")
    sandbox.act("write-thousand")
    sandbox.act("cut-power")
    sandbox.act("come-back")

    assert sandbox.states("redis")[-1] == "up"
    row = sandbox.table("faults")[0]
    assert (row["fault"], row["acknowledged"], row["found"]) == ("power cut", row["lost"], 0)


@pytest.mark.parametrize("fault", ["crash", "cut-power"])
def test_a_fault_under_load_finds_writes_that_are_not_synced(sandbox, fault):
    sandbox.call("set", name="mode", value="everysec")
    sandbox.call("load", verb="start")
    for _ in range(4):
        sandbox.act(fault)
        sandbox.act("come-back")
        sandbox.call("load", verb="start")

        assert sandbox.table("faults")[0]["unsynced_kb"] > 0


def test_a_server_that_was_killed_in_the_drawing_is_compared_when_it_is_restarted(sandbox):
    sandbox.call("set", name="mode", value="no")
    sandbox.act("write-thousand")
    sandbox.server("kill", "redis")
    sandbox.server("restart", "redis")

    row = eventually(lambda: sandbox.table("faults"))[0]
    assert (row["fault"], row["lost"]) == ("process crash", 0)
    assert row["acknowledged"] >= 1_000


def test_another_mode_begins_with_an_empty_disk(sandbox):
    sandbox.act("write-thousand")
    sandbox.call("set", name="mode", value="always")

    assert sandbox.call("console", server="redis", command="DBSIZE")["output"].endswith("0")


def test_a_write_is_stepped_through_and_its_sync_is_told(sandbox):
    sandbox.call("set", name="mode", value="always")
    sandbox.call("step", verb="start", function="write")
    while sandbox.call("step", verb="next")["running"]:
        pass

    ran = [event for event in sandbox.told if event.type == "command-ran"]
    said = eventually(
        lambda: next(
            (
                event
                for event in reversed(sandbox.told)
                if event.type == "caption-changed" and "Number 1" in event.text
            ),
            None,
        )
    )
    assert [(event.command.split()[0], event.reply) for event in ran] == [("SET", "OK")]
    assert "after 1 sync: it is on the disk" in said.text


def test_start_afresh_empties_the_disk(sandbox):
    sandbox.act("write-thousand")
    sandbox.call("reset")

    assert sandbox.call("console", server="redis", command="DBSIZE")["output"].endswith("0")


@pytest.mark.parametrize(
    "command",
    [
        "SET write:abc 1",
        "SET write: 1",
        "SET write:\u0663 1",
        f"SET write:{'9' * 5000} 1",
        "HSET write:7x field 1",
    ],
)
def test_what_a_learner_writes_at_the_console_counts_for_nothing(sandbox, command):
    sandbox.act("write-thousand")
    assert not sandbox.call("console", server="redis", command=command)["failed"]
    sandbox.act("crash")

    assert "1,000 of 1,000 acknowledged writes are there" in sandbox.act("come-back")


def test_always_is_not_believed_of_a_cut_before_which_nothing_was_written(sandbox):
    sandbox.call("set", name="mode", value="always")
    sandbox.act("write-thousand")
    sandbox.act("crash")
    sandbox.act("come-back")
    sandbox.act("cut-power")
    sandbox.act("come-back")

    assert (sandbox.table("faults")[0]["written"], sandbox.table("faults")[0]["lost"]) == (0, 0)
    time.sleep(1.5)
    assert sandbox.status("always-keeps") == "unmet"
    sandbox.act("write-thousand")
    sandbox.act("cut-power")
    sandbox.act("come-back")
    eventually(lambda: sandbox.status("always-keeps") == "met")


def test_an_experiment_neither_meets_a_check_nor_undoes_one(sandbox):
    sandbox.call("measure", prediction="snapshot")
    assert (sandbox.table("faults")[0]["by"], sandbox.table("faults")[0]["found"]) == (
        "an experiment",
        300,
    )
    sandbox.call("set", name="mode", value="none")
    sandbox.act("write-thousand")
    sandbox.act("crash")
    sandbox.act("come-back")
    eventually(lambda: sandbox.status("memory-only") == "met")

    sandbox.call("measure", prediction="snapshot")

    time.sleep(1.5)
    assert sandbox.status("memory-only") == "met"
    assert {(row["by"], row["found"]) for row in sandbox.table("faults")} == {
        ("you", 0),
        ("an experiment", 300),
    }


def numbered(address):
    return NumbersSpec(
        rate_per_s=1_000.0,
        strategy=find("durability").strategy({}),
        link="redis",
        server=Route(address, address, "", 0),
        access=Access("shop", "a password"),
        first=1,
        last=5,
    )


class IdleClients:
    """Starts clients that report at once that they do no more, and go on."""

    def __init__(self):
        self.commits = Commits()
        self.theirs = []

    def start(self, _spec):
        ours, theirs = Pipe()
        theirs.send(Written("redis", "numbers", idle_because="that was the last"))
        self.theirs.append(theirs)
        return 0, ours

    def close(self):
        """There is nothing to end."""


def test_a_client_that_does_no_more_is_reported_once_in_a_run():
    reported, clients, spec = [], IdleClients(), numbered(Address("127.0.0.1", 1))
    load = LoadController(clients, on_idle=reported.append)

    def reports_are(count):
        return len(reported) == count

    for run in (1, 2):
        load.start(2, lambda _: spec)
        eventually(partial(reports_are, run))
        time.sleep(0.1)
        for pipe in clients.theirs:
            pipe.close()
        load.stop()

    assert reported == ["that was the last"] * 2


def test_the_last_number_is_said_to_be_the_last(redis_that):
    redis = redis_that("no")
    ours, theirs = Pipe()
    program = numbered(redis.engine.address).program(Commits())
    writing = threading.Thread(target=loop.run, args=(program, theirs), daemon=True)
    writing.start()
    batches = [ours.recv() for _ in range(4)]
    ours.send(None)
    writing.join(5.0)

    assert sum(batch.done for batch in batches) == 5
    assert ["number 5 is the last" in batch.idle_because for batch in batches].count(True) == 1
