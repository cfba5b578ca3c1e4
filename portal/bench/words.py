"""The words of a bench, each said once: templates read them here, and the page's scripts get them
as JSON (templates/bench/_words.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labs.client import engine_labels

STATES = {
    "starting": "is starting",
    "up": "",
    "paused": "is paused",
    "down": "is down",
    "stopped": "has stopped",
}
MEANINGS = {
    "hit": "hit",
    "miss": "miss",
    "read": "database read",
    "write": "write",
    "stale": "stale",
    "error": "error",
    "here": "answered",
    "none": "answered",
}
CHECKS = {"met": "Met", "unmet": "Not met yet", "error": "Could not be judged"}
GUIDE = {"done": "done", "now": "the current step", "todo": "to do"}
LEAD = {
    "above": "Above: show me",
    "below": "Below: show me",
    "text": "In the text: show me",
    "tab": "Tab {}: show me",
    "bench": "On the bench",
    "benchTab": "On the bench, tab {}",
}
"""Where the control of the current step is, while it is out of sight or on another page; {} is a
tab's label."""
SENTINELS = {
    "+sdown": "no answer from {}",
    "-sdown": "{} answers again",
    "+odown": "{} is down, enough agree",
    "-failover-abort-no-good-slave": "no replica is fit",
    "-failover-abort-not-elected": "was not elected",
    "+convert-to-slave": "makes {} a replica",
}
"""What a sentinel announces, in as few words as its drawing has room for; {} is the server."""
TILT = {
    "left": "TILT mode, {} s left",
    "listed": "in TILT mode until {}",
    "all": "The sentinels are in TILT mode until {}: they stood still for more than 2 s, as when "
    "the machine stalls, so they distrust their clocks.",
    "one": "{} is in TILT mode until {}: it stood still for more than 2 s, so it distrusts its "
    "clock.",
    "some": "{} are in TILT mode until {}: they stood still for more than 2 s, so they distrust "
    "their clocks.",
    "blocked": "They start no failover before that.",
    "enough": "The other sentinels are enough to start a failover.",
    "aws": "ElastiCache watches its nodes with a service of its own, not with Sentinel.",
}
"""What a drawing says of sentinels in TILT mode; {} is who, and until when."""
NO_REPLICA = "no replica here"
MEASURING = {
    "running": "Measuring on your servers…",
    "waiting": "Waiting: another measurement runs in your sandbox.",
    "busy": "Waiting: your sandbox finishes another request.",
}
"""What becomes of a measurement that was asked for."""
BENCH_CLOSED = "It is measured on your own servers: open the bench, then press “Measure it”."
"""Why a prediction could not be measured: its bench is not open."""
MEASURED = {
    "action": "“{}” is running. It has your servers to itself: what you press now waits.",
    "prediction": "Your prediction is being measured. It has your servers to itself: what you "
    "press now waits.",
}
"""What a drawing says while an action that measures, or a prediction, has the servers to itself."""
CONNECTION = {
    "connecting": ("Connecting", "The page opens its live stream."),
    "waiting": ("Waiting", "The page asks again by itself."),
    "live": ("Live", "Every event arrives as it happens."),
    "silent": ("Silent", "Nothing has arrived since {}; the page still shows that moment."),
    "polling": ("Polling", "There is no live stream for this page, so it asks every second."),
    "lost": ("Lost", "No answer since {}. Check your network; the page keeps asking."),
}
"""How a page gets its events: the state in a word, and a sentence; {} is a time of day."""

FAILING = {
    "now": "{failed} of {ended} requests fail",
    "late": "{failed} of {ended} requests fail, and {wanted} are wanted each second",
}
"""What a drawing says of a load whose requests fail: of those that ended in the last second."""


def for_scripts() -> dict[str, Any]:
    """What static/js/words.js says."""
    return {
        "engines": engine_labels(),
        "states": STATES,
        "meanings": MEANINGS,
        "checks": CHECKS,
        "guide": GUIDE,
        "lead": LEAD,
        "sentinels": SENTINELS,
        "tilt": TILT,
        "noReplica": NO_REPLICA,
        "connection": CONNECTION,
        "failing": FAILING,
        "measured": MEASURED,
    }


def engine_words(engine: str, version: str = "") -> str:
    """An engine with its version; a version of two words ("Valkey 8.0.1") is already both."""
    return (
        version if " " in version else f"{engine_labels().get(engine, engine)} {version}".rstrip()
    )


def in_words(versions: Mapping[str, str]) -> str:
    """What runs: every engine with its version, each once."""
    words = (engine_words(name, version) for name, version in sorted(versions.items()))
    return ", ".join(dict.fromkeys(words))
