"""On real servers: a check that was met stays met in its sandbox, with the reading that met it,
also after a reset.
"""

import pytest

from tests.sandboxes import Opened
from tests.waiting import eventually

CHECK = "second-read-hits"


@pytest.fixture
def bench(supervisor):
    opened = Opened(supervisor, "cache-aside")
    yield opened
    opened.end()


def newest(bench):
    """The newest event about the check."""
    events = [event for event in bench.told if event.type == "check-changed"]
    return next(event for event in reversed(events) if event.check == CHECK)


def test_a_reset_takes_no_check_away(bench):
    bench.act("read", item=42)
    bench.act("read", item=42)
    eventually(lambda: bench.status(CHECK) == "met")
    met = newest(bench)

    bench.call("reset")

    eventually(lambda: newest(bench).now)
    after = newest(bench)
    assert (after.status, after.message, after.evidence, after.met_at) == (
        "met",
        met.message,
        met.evidence,
        met.met_at,
    )
    assert after.now == "No item has been read twice yet."
