"""The labs host's own rules, with sandboxes without processes: idle and old ones end, hungry ones
end, hostile ones end, and each is told why.
"""

import contextlib
import json
import time

import pytest

from labs.errors import LabsError, UnknownSandbox
from labs.events import Entry, NoteAdded, encode
from labs.host import keys
from labs.host.publisher import feed_length
from labs.host.record import SandboxRecord
from tests.hosts import emptied_redis, opened, serving
from tests.waiting import eventually


@pytest.fixture
def redis(embedded_redis):
    with emptied_redis(embedded_redis.url) as client:
        yield client


@pytest.fixture
def hosted(redis, tmp_path):
    """start(limits...): a labs host and its client."""
    with contextlib.ExitStack() as hosts:
        yield lambda **limits: hosts.enter_context(serving(redis, tmp_path, **limits))


def test_an_idle_sandbox_is_warned_and_then_ended(hosted):
    _, client = hosted(idle_s=2.0, warn_s=1.5)
    sandbox = opened(client)

    eventually(lambda: client.call(sandbox, "state")["ending"])
    eventually(lambda: client.info(sandbox).status == "closed")
    assert "nothing was done" in client.info(sandbox).reason


def test_keeping_it_puts_the_end_off(hosted):
    _, client = hosted(idle_s=4.0, warn_s=0.5)
    sandbox = opened(client)

    for _ in range(5):
        time.sleep(1.0)  # a second of idleness each: never four
        client.call(sandbox, "keep")

    assert client.info(sandbox).status == "open"


def test_a_warning_is_withdrawn_when_somebody_goes_on(hosted):
    _, client = hosted(idle_s=4.0, warn_s=3.5)
    sandbox = opened(client)
    eventually(lambda: client.call(sandbox, "state")["ending"])

    client.call(sandbox, "keep")

    eventually(lambda: not client.call(sandbox, "state")["ending"])


def test_looking_at_it_is_not_using_it(hosted):
    _, client = hosted(idle_s=1.5, warn_s=0.1)
    sandbox = opened(client)

    eventually(lambda: client.call(sandbox, "state")["status"] == "closed")


def test_the_longest_life_is_four_hours_or_what_was_set(hosted):
    _, client = hosted(longest_s=1.0)
    sandbox = opened(client)

    eventually(lambda: client.info(sandbox).status == "closed")


def test_the_feed_can_be_read_on_from_any_place_without_a_gap(hosted):
    _, client = hosted()
    sandbox = opened(client)
    for _ in range(5):
        client.call(sandbox, "set", name="ttl_s", value=5)
        client.call(sandbox, "set", name="ttl_s", value=6)
    state = eventually(lambda: client.call(sandbox, "state"))
    whole = eventually(
        lambda: (entries := client.events(sandbox)) and entries[-1].seq >= state["seq"] and entries
    )

    assert [entry.seq for entry in whole] == list(range(1, whole[-1].seq + 1))
    assert [entry.seq for entry in client.events(sandbox, after=7)] == list(
        range(8, whole[-1].seq + 1)
    )


def test_opening_with_settings_opens_with_these_settings(hosted):
    _, client = hosted()
    sandbox = client.open(
        "cache-aside", owner="somebody", settings={"ttl_s": "9", "engine": "memcached"}
    ).id
    eventually(lambda: client.info(sandbox).status == "open")

    settings = client.call(sandbox, "state")["settings"]

    assert settings["ttl_s"] == 9
    assert settings["engine"] == "memcached"


def test_opening_it_again_changes_nothing_and_a_set_up_does(hosted):
    _, client = hosted()
    sandbox = opened(client)
    client.call(sandbox, "server", name="cache", verb="kill")

    again = client.open("cache-aside", owner="somebody", settings={"ttl_s": 7})
    assert again.id == sandbox
    assert client.call(sandbox, "state")["settings"]["ttl_s"] != 7
    came_to = client.call(again, "set_up", settings={"ttl_s": 7}, empty=True)

    state = client.call(sandbox, "state")
    assert (state["settings"]["ttl_s"], state["servers"]["cache"]["state"]) == (7, "up")
    assert came_to["done"] == ["cache was restarted", "the cache was emptied"]


def test_after_the_end_every_call_says_so(hosted):
    _, client = hosted()
    sandbox = opened(client)
    client.call(sandbox, "close")

    with pytest.raises(UnknownSandbox):
        client.call(sandbox, "console", server="cache", command="PING")
    eventually(lambda: client.events(sandbox)[-1].event.type == "sandbox-closed")


def test_a_request_that_came_too_late_is_not_carried_out(hosted, redis):
    host, client = hosted()
    sandbox = opened(client)

    redis.rpush(
        f"labs:host:{host.id}:requests",
        json.dumps(
            {"id": "x", "call": "close", "sandbox": sandbox, "args": {}, "until": time.time() - 1}
        ),
    )
    redis.rpush(f"labs:host:{host.id}:requests", "nonsense", "[]", "7")

    assert client.call(sandbox, "keep") == {}
    assert client.info(sandbox).status == "open"


HOSTILE = {
    "an event out of order": {"event": encode(Entry(99, 1.0, NoteAdded(text="x")))},
    "no event at all": {"event": {"type": "nonsense"}},
    "an outcome of its own making": {
        "outcome": {"id": "1", "kind": "exam", "name": "all", "status": "met", "data": {}}
    },
}


@pytest.mark.parametrize(
    "said", [pytest.param(message, id=name.replace(" ", "-")) for name, message in HOSTILE.items()]
)
def test_a_sandbox_that_misbehaves_is_ended(hosted, said):
    host, client = hosted()
    sandbox = opened(client)
    connection = host.supervisor.process(sandbox).connection

    with pytest.raises(LabsError):
        connection.on_message(said)


def test_a_sandbox_that_floods_is_ended(hosted):
    host, client = hosted()
    sandbox = opened(client)
    connection = host.supervisor.process(sandbox).connection

    def flood():
        for _ in range(2_000):
            connection.on_message({"id": 0, "reply": {}})

    with pytest.raises(LabsError):
        flood()


def test_a_hungry_sandbox_is_ended(hosted, monkeypatch):
    host, client = hosted()
    sandbox = opened(client)
    monkeypatch.setattr(host.supervisor, "memory", lambda: {sandbox: 10**12})
    monkeypatch.setattr(host.supervisor, "proportional_memory", lambda _: 10**12)

    eventually(lambda: client.info(sandbox).status == "closed")
    assert "memory" in client.info(sandbox).reason


def test_a_feed_holds_fewer_events_where_they_are_large():
    small, large = (SandboxRecord("a", "owner", "lab", {}) for _ in range(2))
    for _ in range(300):
        few, many = feed_length(large, 2_000), feed_length(small, 150)

    assert many == keys.FEED_LENGTH
    assert keys.FEED_LEAST <= few <= keys.FEED_BYTES / 1_950
