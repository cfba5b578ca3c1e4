"""A command without end, by whatever way it is sent: it is ended, the page says how, and the
sandbox goes on.
"""

import psutil
import pytest

from labs.errors import LabsError
from tests.security.conftest import Opened
from tests.waiting import eventually

pytestmark = pytest.mark.parametrize("supervisor", ["cage"], indirect=True)

LIBRARY = "#!lua name=lib\\nredis.register_function('loop', function() while true do end end)"


@pytest.fixture(scope="module")
def racing(supervisor):
    """A sandbox of the lab that allows scripts."""
    return Opened(supervisor, lab="write-through-race")


def says(sandbox, since, *ends):
    """Waits until the timeline has a sentence with one of these ends."""
    eventually(
        lambda: any(event.sentence.endswith(ends) for event in sandbox.events[since:]),
        what=f"a sentence that ends with {ends}",
    )


@pytest.fixture
def began(racing):
    """How many events there were before the test."""
    eventually(lambda: racing.console("cache", "PING")["output"] == "PONG")
    return len(racing.events)


def is_idle(sandbox):
    """True if the cache computes nothing."""
    (server,) = (one for one in sandbox.inside if one.name() == "redis-server")
    before = sum(server.cpu_times()[:2])
    psutil.wait_procs([server], timeout=0.2)
    return sum(server.cpu_times()[:2]) - before < 0.1


@pytest.mark.parametrize(
    "script",
    [
        "while true do end",
        "while true do redis.call('get', 'a') end",
        "while true do pcall(function() while true do end end) end",
        "local s = '' while true do s = string.rep('x', 1000) end",
    ],
)
def test_a_script_without_end_is_killed(racing, began, script):
    racing.console("cache", "SET a kept")

    answer = racing.console("cache", f'EVAL "{script}" 0')

    assert answer["failed"]
    assert "killed by user with SCRIPT KILL" in answer["output"]
    assert "the sandbox ended it" in answer["notice"]
    says(racing, began, "the sandbox ended it (SCRIPT KILL)")
    assert racing.console("cache", "GET a")["output"] == '"kept"'
    eventually(lambda: is_idle(racing))


@pytest.mark.parametrize(
    "lines",
    [
        ["EVAL \"redis.call('set', 'a', 1) while true do end\" 0"],
        ["MULTI", "SET a 1", "EVAL 'while true do end' 0", "EXEC"],
    ],
    ids=["script", "transaction"],
)
def test_a_server_whose_script_has_written_is_restarted(racing, began, lines):
    *before, last = lines
    for line in before:
        racing.console("cache", line)

    try:
        answer = racing.console("cache", last)
        said = answer["output"] + answer["notice"]
    except LabsError as exc:
        said = f"{exc} {exc.hint}"

    assert "was started again" in said or "killed by user with SCRIPT KILL" in said
    says(racing, began, "the sandbox restarted the server", "the sandbox ended it (SCRIPT KILL)")
    eventually(lambda: racing.console("cache", "PING")["output"] == "PONG")
    eventually(lambda: is_idle(racing))


def test_a_script_that_is_killed_in_a_transaction_says_who_ended_it(racing):
    for line in ("MULTI", "EVAL 'while true do end' 0"):
        racing.console("cache", line)

    answer = racing.console("cache", "EXEC")

    assert "killed by user with SCRIPT KILL" in answer["output"]
    assert "the sandbox ended it" in answer["notice"]
    eventually(lambda: is_idle(racing))


def test_a_function_without_end_is_killed(racing, began):
    assert racing.console("cache", f'FUNCTION LOAD REPLACE "{LIBRARY}"')["output"] == '"lib"'

    answer = racing.console("cache", "FCALL loop 0")

    assert answer["failed"]
    says(racing, began, "the sandbox ended it (FUNCTION KILL)")


def test_one_command_that_takes_minutes_ends_with_its_server(racing, began):
    """A pattern that is compared at each letter of long keys."""
    for number in range(40):
        racing.console("cache", f"SET {'a' * 50_000}{number} x")

    with pytest.raises(LabsError):
        racing.console("cache", f"KEYS *{'a' * 25_000}b")

    says(racing, began, "kept cache busy for too long: the sandbox restarted the server")
    eventually(lambda: racing.console("cache", "DBSIZE")["output"] == "(integer) 0")
    eventually(lambda: is_idle(racing))
