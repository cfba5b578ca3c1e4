"""Measurements on real servers: two at once give what each gives alone, and a bench that is broken
is made ready first.
"""

import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labs.catalogue import catalogue
from labs.errors import NotNow
from labs.lab import MEASURED_WITHIN_S
from tests.hosts import emptied_redis, serving
from tests.waiting import eventually

LABS = list(catalogue().values())
ALONE = {"ten-reads": 1.0, "stale-for": 3.0, "dead-cache": 50.0}
"""What each prediction of cache-aside measures when nothing else runs."""


@pytest.fixture(scope="module")
def hosted(embedded_redis):
    """The client of a labs host with real sandboxes."""
    with (
        tempfile.TemporaryDirectory(prefix="cg-t-", dir="/tmp", ignore_cleanup_errors=True) as name,
        emptied_redis(embedded_redis.url, timeout_s=30) as redis,
    ):
        Path(name).chmod(0o711)  # the users of sandboxes go through it
        with serving(redis, Path(name), isolation="auto") as (_, client):
            yield client


class Bench:
    """An open sandbox of a lab."""

    def __init__(self, client, lab, owner):
        self.client = client
        self.id = client.open(lab, owner=owner).id
        eventually(lambda: client.info(self.id).status == "open")

    def call(self, call, **args):
        return self.client.call(self.id, call, deadline_s=MEASURED_WITHIN_S, **args)

    def measure(self, prediction):
        return self.call("measure", prediction=prediction)["value"]

    def measuring(self):
        return self.call("state")["measuring"]

    def timeline(self):
        return [entry.get("sentence", "") for entry in self.call("state")["timeline"]]


@pytest.fixture
def bench(hosted, request):
    """Opens a bench of a lab, and closes it."""
    opened = []

    def make(lab):
        opened.append(Bench(hosted, lab, f"owner-{request.node.name}-{len(opened)}"[:60]))
        return opened[-1]

    yield make
    for one in opened:
        one.call("close")


def test_three_measurements_at_once_give_what_each_gives_alone(bench):
    cache_aside = bench("cache-aside")
    lab = catalogue()["cache-aside"]

    with ThreadPoolExecutor(3) as pool:
        values = dict(zip(ALONE, pool.map(cache_aside.measure, ALONE), strict=True))

    for name, alone in ALONE.items():
        assert lab.find_prediction(name).holds(alone, values[name]), values
    assert cache_aside.measuring() == {"running": "", "waiting": []}


def test_the_second_measurement_is_said_to_wait(bench):
    cache_aside = bench("cache-aside")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache_aside.measure, "stale-for")
        eventually(lambda: cache_aside.measuring()["running"] == "stale-for")
        second = pool.submit(cache_aside.measure, "ten-reads")
        eventually(lambda: cache_aside.measuring()["waiting"] == ["ten-reads"])

    assert first.result() == pytest.approx(3.0, abs=0.5)
    assert second.result() == 1.0


@pytest.mark.parametrize(
    ("call", "args"),
    [
        ("server", {"name": "cache", "verb": "kill"}),
        ("link", {"name": "cache", "verb": "cut"}),
        ("set", {"name": "ttl_s", "value": 60}),
        ("set_up", {"settings": {"ttl_s": 60}, "empty": True}),
        ("action", {"name": "flush"}),
        ("console", {"server": "cache", "command": "FLUSHALL"}),
        ("load", {"verb": "start"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_learner_does_meanwhile_comes_after_the_measurement(bench, call, args):
    cache_aside = bench("cache-aside")

    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(cache_aside.measure, "stale-for")
        eventually(lambda: cache_aside.measuring()["running"] == "stale-for")
        with contextlib.suppress(NotNow):  # a busy machine may measure for longer than it waits
            cache_aside.call(call, **args)
            assert cache_aside.measuring()["running"] == ""

    assert measuring.result() == pytest.approx(3.0, abs=0.5)


def test_a_broken_bench_is_made_ready_and_the_settings_are_put_back(bench):
    cache_aside = bench("cache-aside")
    for call, args in (
        ("set", {"name": "ttl_s", "value": 20}),
        ("set", {"name": "invalidate", "value": "none"}),
        ("load", {"verb": "start"}),
        ("link", {"name": "cache", "verb": "slow", "delay_ms": 50}),
        ("server", {"name": "cache", "verb": "kill"}),
        ("server", {"name": "database", "verb": "pause"}),
    ):
        cache_aside.call(call, **args)

    assert cache_aside.measure("stale-for") == pytest.approx(3.0, abs=0.5)

    assert [said for said in cache_aside.timeline() if said.startswith("For this")] == [
        "For this measurement the load was stopped, the link to cache was restored, database "
        "was resumed and cache was restarted"
    ]
    state = cache_aside.call("state")
    assert (state["settings"]["ttl_s"], state["settings"]["invalidate"]) == (20, "none")
    assert not state["load"]["running"]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.id)
def test_every_lab_measures_on_a_bench_whose_servers_are_down(bench, lab):
    broken = bench(lab.id)
    before = broken.call("state")["settings"]
    up = [
        name for name, server in broken.call("state")["servers"].items() if server["state"] == "up"
    ]
    first = next(node.name for node in lab.topology.nodes if node.name in up)
    with contextlib.suppress(NotNow):  # not every lab has a load
        broken.call("load", verb="start")
    broken.call("server", name=first, verb="kill")

    prediction = lab.predictions[0]
    value = broken.measure(prediction.name)

    assert prediction.holds(value, value)
    assert any(sentence.startswith("For this measurement") for sentence in broken.timeline())
    assert broken.call("state")["settings"] == before
