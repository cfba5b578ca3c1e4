"""What the lab sessions tries out: limits, pages that are timed, browsers that stay logged in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from labs.events import Value
from labs.sandbox.experiment import make_ready, temporarily
from labs.sandbox.sandbox import Sandbox
from labs.setups.website.bench import logged_in, site
from labs.setups.website.browsers import Visit

IN_USE = 0.9
"""A session is in use if its pages come within this part of its idle limit."""


@contextmanager
def limits_at_default(sandbox: Sandbox, **settings: Value) -> Iterator[None]:
    """The limits at their defaults and these settings, while single requests are counted."""
    make_ready(sandbox)
    names = ("idle_s", "absolute_s", "renewal")
    limits = {name: sandbox.lab.find_control(name).default for name in names}
    with temporarily(sandbox, **(limits | settings)):
        yield


def count_logged_in(sandbox: Sandbox, browsers: list[str]) -> float:
    """How many of these browsers are logged in."""
    return float(sum(logged_in(sandbox, browser, 1) for browser in browsers))


def note_reloads(sandbox: Sandbox, visits: Sequence[Visit]) -> None:
    """Note how many of ten pages found the browser logged in, under what lessons quote: by the
    store, or after an instance was killed where Redis is the store; of Redis also the times.
    """
    logged_in = sum(visit.logged_in for visit in visits)
    store = str(sandbox.settings["store"])
    instances = sandbox.lab.topology.of_engine("instance")
    is_whole = all(sandbox.servers[node.name].state == "up" for node in instances)
    if is_whole and store == "redis":
        _note_times(sandbox, visits)
    if is_whole:
        sandbox.measurements[f"logged_in_of_ten_{store}"] = logged_in
    elif store == "redis":
        sandbox.measurements["logged_in_of_ten_instance_killed"] = logged_in


def time_pages(sandbox: Sandbox) -> None:
    """Note how long a page takes, and its commands to the store."""
    _note_times(sandbox, [site(sandbox).page(quiet=True) for _ in range(30)])


def _note_times(sandbox: Sandbox, visits: Sequence[Visit]) -> None:
    in_store = [sum(trip.took_ms for trip in visit.trips) for visit in visits]
    sandbox.measurements["page_p50_ms"] = round(median(visit.took_ms for visit in visits), 2)
    sandbox.measurements["store_p50_ms"] = round(median(in_store), 2)


def life_of_a_session(sandbox: Sandbox) -> float:
    """Pages 1, 2 and 3 s after a login, then none: seconds from the login until the store has
    deleted the session.
    """
    shop = site(sandbox)
    with shop.guests(1) as (guest,):
        login = shop.log_in(guest, quiet=True)
        for second in (1, 2, 3):
            time.sleep(max(0.0, login.ended + second - time.monotonic()))
            shop.page(guest, quiet=True)
        sandbox.wait_until(lambda: shop.sessions.kept(login.sid_after) is None, deadline_s=8.0)
        return time.monotonic() - login.ended


def reach_both_limits(sandbox: Sandbox) -> None:
    """With short limits: use a session until the absolute one, then leave another alone until the
    idle one. Where a busy machine paused between two pages for as long as the idle limit, longer
    limits are taken.
    """
    shop, note = site(sandbox), sandbox.measurements
    for idle_s in (1, 4):
        with temporarily(sandbox, idle_s=idle_s, absolute_s=2 * idle_s):
            note["idle_limit_s"], note["absolute_limit_s"] = idle_s, 2 * idle_s
            longest_gap_s = _use_until_logged_out(sandbox, 2 * idle_s)
            if longest_gap_s > IN_USE * idle_s and idle_s == 1:
                continue
            login = shop.log_in()
            time.sleep(1.2 * idle_s)
            note["silent_for_s"] = round(time.monotonic() - login.ended, 2)
            note["logged_in_after_idle_limit"] = int(shop.page().logged_in)
            break


def _use_until_logged_out(sandbox: Sandbox, absolute_s: int) -> float:
    """Log in and open pages until one is logged out, or until half of the limit has passed after
    it; the longest time between two of them.
    """
    shop, note = site(sandbox), sandbox.measurements
    login = visit = shop.log_in()
    longest_gap_s = 0.0
    while time.monotonic() - login.ended < 1.5 * absolute_s:
        time.sleep(0.175 * absolute_s)
        last, visit = visit, shop.page(quiet=True)
        longest_gap_s = max(longest_gap_s, visit.ended - last.ended)
        if not visit.logged_in:
            break
        note["sliding_logged_in_for_s"] = round(visit.began - login.ended, 2)
    note["logged_out_at_absolute_limit_s"] = round(visit.began - login.ended, 2)
    return longest_gap_s
