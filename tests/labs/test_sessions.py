"""A shop on two instances behind a balancer, as real processes: who is served by whom, what is
told, what a cut link costs, what the load counts.
"""

import stat
import time
from math import inf

import pytest

from labs.catalogue import find
from labs.errors import BadInput, LabsError, NotNow
from tests.sandboxes import Opened
from tests.waiting import eventually

IDLE_S = float(find("sessions").find_control("idle_s").default)


class Shop(Opened):
    """A sandbox of the lab sessions."""

    def __init__(self, supervisor):
        super().__init__(supervisor, "sessions")

    def press(self, name, browser="first", **fields):
        return self.call("action", name=name, fields={"browser": browser, **fields})["message"]

    def shown(self, browser="first"):
        return next(row for row in self.table("browsers") if row["browser"] == browser)

    def session(self, browser="first"):
        return next(row for row in self.table("sessions") if row["browser"] == browser)


@pytest.fixture
def shop(supervisor):
    opened = Shop(supervisor)
    yield opened
    opened.end()


def test_requests_take_turns_and_redis_makes_no_difference_of_it(shop):
    shop.press("log-in")
    by = []
    for _ in range(6):
        shop.press("page")
        by.append(shop.shown()["instance"])

    assert sorted(by) == ["A", "A", "A", "B", "B", "B"]
    assert shop.shown()["user"] == "Mia"


def test_the_store_itself_says_what_the_page_shows(shop):
    shop.press("cart", item="lamp")
    shop.press("log-in")

    key = shop.session()["key"]
    assert key.removeprefix("session:") in shop.shown()["set_cookie"]
    assert '"cart": ["lamp"]' in shop.session()["value"]
    assert "lamp" in shop.console("redis", f"GET {key}")
    assert 0 < int(shop.console("redis", f"TTL {key}").rpartition(" ")[2]) <= IDLE_S
    shop.console("redis", f"EXPIRE {key} 100")
    eventually(lambda: shop.session()["ttl_s"] > 90)
    shop.console("redis", f"DEL {key}")
    eventually(lambda: shop.session()["a"] == "logged out")
    shop.press("page")
    assert shop.shown()["user"] == ""


def test_each_command_is_told_with_the_link_that_it_went_over(shop):
    shop.press("log-in")
    shop.press("page")

    instance = shop.shown()["instance"].lower()
    commands = [event for event in shop.told if event.type == "command-ran"]
    assert [event.command.split()[0] for event in commands][-2:] == ["GET", "PEXPIRE"]
    assert {event.link for event in commands[-2:]} == {f"{instance}-redis"}
    assert all(event.took_ms > 0 for event in commands)
    travelled = [event for event in shop.told if event.type == "travelled"]
    assert travelled[-1].links == ["site", f"balancer-{instance}"]


def test_a_request_is_stepped_line_by_line_in_the_instance_s_own_process(shop):
    shop.press("log-in")
    shop.call("step", verb="start", function="read")

    lines = [event.line for event in shop.told if event.type == "line-reached"]
    assert len(lines) == 1
    with pytest.raises(NotNow):
        shop.press("page")
    while shop.call("step", verb="next")["running"]:
        pass
    told = [event for event in shop.told if event.type in ("line-reached", "command-ran")]
    lines = [event.line for event in told if event.type == "line-reached"]
    assert lines == sorted(lines) and len(lines) >= 6
    # The command came while its line was lit, not before and not after.
    places = [
        index
        for index, event in enumerate(told)
        if event.type == "command-ran" and event.command.startswith("GET")
    ]
    assert told[places[-1] - 1].type == "line-reached"
    assert [event.type for event in shop.told if event.type == "step-finished"]


def test_a_killed_instance_is_left_out_and_comes_back(shop):
    shop.press("log-in")
    shop.call("server", name="instance-a", verb="kill")
    assert shop.session()["a"] == "down"

    assert "10 logged in" in shop.press("reload")
    assert {row["instance"] for row in shop.table("responses")[:10]} == {"B"}
    shop.call("server", name="instance-a", verb="restart")
    eventually(lambda: "A 5" in shop.press("reload"))


def test_a_paused_instance_costs_an_answer_and_is_then_left_out(shop):
    shop.press("log-in")
    shop.call("server", name="instance-b", verb="pause")

    eventually(lambda: "10 logged in" in shop.press("reload"))
    shop.call("server", name="instance-b", verb="resume")
    eventually(lambda: "B 5" in shop.press("reload"))


def test_with_the_store_cut_off_nobody_is_recognised_and_the_cookie_stays(shop):
    shop.press("log-in")
    for link in ("a-redis", "b-redis"):
        shop.call("link", name=link, verb="cut")

    assert shop.press("page").startswith("503")
    assert shop.session()["a"] == "cannot ask"
    for link in ("a-redis", "b-redis"):
        shop.call("link", name=link, verb="restore")
    eventually(lambda: "Hello again" in shop.press("page"))


def test_a_slow_link_between_an_instance_and_its_store_is_felt_by_that_instance_only(shop):
    shop.press("log-in")
    shop.call("link", name="a-redis", verb="slow", delay_ms=80)
    took = {"A": [], "B": []}

    def seen():
        shop.press("page")
        took[shop.shown()["instance"]].append(shop.shown()["took_ms"])
        return len(took["A"]) > 1 and min(took["B"], default=inf) < 160

    eventually(seen, what=f"an answer of B that waited for no link: {took}")
    assert min(took["A"]) > 160


def test_logging_out_ends_the_session_in_the_store(shop):
    shop.press("log-in")
    key = shop.session()["key"]

    shop.press("log-out")

    assert "(nil)" in shop.console("redis", f"GET {key}")
    assert shop.session()["key"] == ""


def test_two_browsers_have_a_session_each(shop):
    shop.press("log-in", "first")
    shop.press("log-in", "second")

    assert shop.session("first")["key"] != shop.session("second")["key"]
    assert [row["user"] for row in shop.table("browsers")] == ["Mia", "Ben"]


def test_the_load_logs_in_and_counts_who_is_logged_out(shop):
    shop.call("set", name="store", value="memory")
    shop.call("load", verb="start")

    def readings(name):
        return [
            event.readings[name]
            for event in shop.told
            if event.type == "reading-taken" and name in event.readings
        ]

    eventually(lambda: sum(value > 0 for value in readings("logged_out_per_s")) >= 3)
    shop.call("set", name="store", value="redis")
    before = len(readings("logged_out_per_s"))
    eventually(lambda: len(readings("logged_out_per_s")) >= before + 3)
    eventually(lambda: readings("logged_out_per_s")[-1] < readings("logged_in_per_s")[-1] / 10)
    shop.call("load", verb="stop")


def test_who_presses_reload_without_end_is_answered_later_and_keeps_the_bench(shop):
    shop.press("log-in")

    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        assert "10 logged in" in shop.press("reload")


def test_start_afresh_forgets_browsers_and_sessions(shop):
    shop.press("log-in")
    shop.call("reset")

    assert shop.table("browsers") == []
    assert shop.table("responses") == []
    assert shop.session()["key"] == ""
    assert "0" in shop.console("redis", "DBSIZE")
    assert "Please log in" in shop.press("page")


def test_instances_have_no_console_and_keep_a_log(shop):
    with pytest.raises(BadInput):
        shop.console("instance-a", "PING")

    assert "listens on" in shop.call("log", server="instance-a")["lines"][0]


def test_no_secret_stands_on_a_command_line(shop):
    for process in shop.supervisor.processes(shop.id):
        line = " ".join(process.cmdline())
        if "labs.web" in line:
            assert line.endswith("settings.json")


def test_every_instance_runs_without_the_rest_of_labs(shop):
    """It has to answer within 200 ms of its start: what it maps tells what it imported."""
    programs = [
        process
        for process in shop.supervisor.processes(shop.id)
        if "labs.web" in " ".join(process.cmdline())
    ]

    assert len(programs) == 3
    for process in programs:
        assert process.memory_info().rss < 40 * 1024 * 1024


def test_a_hostile_cookie_is_no_key(rack):
    """What is no id of ours never reaches a store."""
    from labs.web.http import Message
    from labs.web.instance import Request

    request = Request(
        Message(
            "GET / HTTP/1.1", [("Cookie", "sid=x\r\nflush_all; other=fine-1; sid2=" + "a" * 200)]
        )
    )

    assert request.cookies == {"other": "fine-1"}


def test_configuration_is_for_its_own_user_only(rack):
    from labs.engines.web import Balancer

    engine = Balancer(
        "balancer",
        rack.address(),
        rack.directory,
        "secret",
        lambda: {"sticky": False, "targets": []},
    )
    engine.configure()

    assert stat.S_IMODE((rack.directory / "settings.json").stat().st_mode) == 0o600


def test_an_unknown_browser_is_refused(shop):
    with pytest.raises(LabsError):
        shop.press("page", "third")
