"""The metrics that only this setup has. Its part imports them, so that pages have them."""

from __future__ import annotations

from labs.measure.metrics import Metric, add

add(
    Metric(
        "logged_in_per_s",
        "Logged-in answers",
        "/s",
        "hit",
        "responses a second to a browser that was logged in",
        "counted by the load's browsers",
        decimals=1,
    ),
    Metric(
        "logged_out_per_s",
        "Logged-out answers",
        "/s",
        "miss",
        "responses a second that asked a browser to log in again",
        "counted by the load's browsers",
        decimals=1,
    ),
    Metric(
        "page_p50_ms",
        "A page takes, median",
        "ms",
        "none",
        "median of requests, counted from when each was due",
        "timed by the load's browsers",
        decimals=2,
    ),
    Metric(
        "page_p99_ms",
        "A page takes, p99",
        "ms",
        "none",
        "99th percentile of requests, counted from when each was due",
        "timed by the load's browsers",
        decimals=2,
    ),
    Metric(
        "sessions",
        "Sessions kept",
        "",
        "none",
        "sessions in the store that is chosen",
        "DBSIZE (Redis), curr_items (Memcached), the instances' own count (memory)",
    ),
)
