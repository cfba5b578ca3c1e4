"""Receives what the sentinels of a sandbox publish, each on a connection of its own that no cut
zone affects, and puts it into words.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labs.clients.access import Access
from labs.clients.address import straight
from labs.clients.resp import RespClient
from labs.engines.sentinel import Sentinel

log = logging.getLogger("labs.sentinels")
RETRY_S, CONNECT_S = 0.2, 0.3

WORDS = {
    "+sdown": "has had no answer from {subject} for as long as it waits",
    "-sdown": "gets answers from {subject} again",
    "+odown": "enough sentinels agree that {subject} is down: {detail}",
    "-odown": "{subject} is no longer down for enough of them",
    "+new-epoch": "a new round of votes: epoch {detail}",
    "+try-failover": "begins a failover of {subject}",
    "+vote-for-leader": "votes for {detail}",
    "+elected-leader": "is the leader of this failover",
    "+failover-state-select-slave": "looks for the best replica",
    "+selected-slave": "has chosen {subject}",
    "+failover-state-send-slaveof-noone": "makes {subject} a primary",
    "+promoted-slave": "{subject} is promoted",
    "+failover-state-reconf-slaves": "makes the other replicas follow the new primary",
    "+slave-reconf-sent": "has sent {subject} the new primary’s address",
    "+slave-reconf-inprog": "{subject} begins to follow the new primary",
    "+slave-reconf-done": "{subject} follows the new primary",
    "+failover-end": "the failover is over",
    "+failover-end-for-timeout": "the failover is over, though not every replica has followed",
    "+switch-master": "the primary is {detail} now",
    "-failover-abort-no-good-slave": "gives up: no replica is fit to be promoted; each is down, "
    "has priority 0, or has been without its primary for longer than ten times the detection time",
    "-failover-abort-not-elected": "gives up: it was not elected",
    "+convert-to-slave": "makes {subject} a replica: another is the primary",
    "+slave": "has met the replica {subject}",
    "+reboot": "{subject} has been restarted",
    "+tilt": "is in TILT mode: it stood still for more than 2 s, and distrusts its clock",
    "-tilt": "has left TILT mode",
}
TIMELINE_EVENTS = frozenset(
    "+sdown -sdown +odown +vote-for-leader +elected-leader +selected-slave +promoted-slave "
    "+switch-master -failover-abort-no-good-slave -failover-abort-not-elected "
    "+convert-to-slave".split()
)
"""The events that go to the timeline; a flight's record has all."""


@dataclass(frozen=True, slots=True)
class SentinelMessage:
    """One message of a sentinel.

    `subject` is the server that it is about, empty if about none; `at` is monotonic seconds.
    """

    at: float
    sentinel: str
    event: str
    subject: str
    words: str


class SentinelSubscriber:
    """One thread with a connection to each sentinel; one that is down is tried again."""

    def __init__(
        self,
        names: Sequence[str],
        *,
        find: Callable[[str], Sentinel | None],
        name_of: Callable[[str, str], str],
        on_message: Callable[[SentinelMessage], None],
    ) -> None:
        self._names = names
        self._find = find
        self._name_of = name_of
        self._on_message = on_message
        self._stopped = threading.Event()
        self._clients: dict[str, RespClient] = {}
        self._thread = threading.Thread(target=self._run, name="sentinel-subscriber", daemon=True)

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def _run(self) -> None:
        tried_at = 0.0
        while not self._stopped.is_set():
            if time.monotonic() - tried_at > RETRY_S:
                tried_at = time.monotonic()
                for name in set(self._names) - self._clients.keys():
                    self._subscribe(name)
            names = {client: name for name, client in self._clients.items()}
            readable, _, _ = select.select(list(names), [], [], RETRY_S)
            for client in readable:
                try:
                    self._read(names[client])
                except Exception:
                    log.exception("a message of %s was not understood", names[client])
        for client in self._clients.values():
            client.close()

    def _subscribe(self, name: str) -> None:
        sentinel = self._find(name)
        if sentinel is None:
            return
        client = RespClient(
            straight(sentinel.address), Access(password=sentinel.secret), timeout_s=CONNECT_S
        )
        try:
            client.subscribe("*", patterns=True)
        except OSError:
            client.close()
            return
        self._clients[name] = client

    def _read(self, name: str) -> None:
        now = time.monotonic()
        try:
            replies = self._clients[name].arrived()
        except OSError:
            self._clients.pop(name).close()
            return
        for reply in replies:
            match reply:
                case [b"pmessage", _, bytes(event), bytes(text)]:
                    said = event.decode(errors="replace"), text.decode(errors="replace")
                    self._on_message(self._understood(now, name, *said))

    def _understood(self, at: float, sentinel: str, event: str, text: str) -> SentinelMessage:
        """`<kind> <name> <host> <port> @ …` for most events; `shop <host> <port> <host> <port>` for
        a switch; a number or an id for a vote.
        """
        words = text.split()
        subject, detail = "", text
        if event == "+switch-master" and len(words) == 5:
            subject = detail = self._name_of(words[3], words[4])
        elif len(words) >= 4 and words[0] in ("master", "slave", "sentinel"):
            subject = self._name_of(words[2], words[3])
            votes = (part for part in words[4:] if part.startswith("#") or "/" in part)
            detail = " ".join(votes).replace("#quorum", "").strip() or subject
        elif event == "+vote-for-leader" and words:
            detail = self._name_of(words[0], "")
        said = (
            WORDS[event].format(subject=subject or "the primary", detail=detail[:80])
            if event in WORDS
            else text[:120]
        )
        return SentinelMessage(at, sentinel, event[:40], subject, said)
