"""Ends what keeps a cache from answering: a script without end, or one command that takes too long.

A learner may send either, by a console or by a strategy. Without this, one core would be busy for
the rest of the sandbox's life.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import psutil

from labs.engines.redis import Redis
from labs.errors import LabsError
from labs.sandbox.context import Context
from labs.sandbox.server import Server

log = logging.getLogger("labs.watchdog")

EVERY_S = 0.25
SUSPECT_SHARE = 0.1
"""Of a core: a server that computes less is not asked."""
SCRIPT_LIMIT_S = 1.0
"""From when the server calls itself busy, which it does after another second."""
MOST_KILLS = 2
"""Without an answer between them: one after the other may wait."""
COMMAND_LIMIT_CPU_S = 2.5
"""Of the processor's time: a slow machine gives a command longer."""


@dataclass
class _Seen:
    """What was found of one server process."""

    pid: int
    cpu_s: float
    silent_cpu_s: float = 0.0
    busy_since: float = 0.0
    kills: int = 0

    @property
    def suspected(self) -> bool:
        """True if it did not answer when it was last asked."""
        return bool(self.silent_cpu_s or self.busy_since)

    def clear(self) -> None:
        """It answers."""
        self.silent_cpu_s, self.busy_since, self.kills = 0.0, 0.0, 0


class Watchdog:
    """One thread that looks at the processor time of each cache, and asks one that computes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: dict[str, _Seen] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            for name, server in list(self._context.servers.items()):
                try:
                    self._look(name, server)
                except (LabsError, OSError, psutil.Error) as exc:
                    # It was stopped, or exchanged, at this moment.
                    self._seen.pop(name, None)
                    log.info("%s could not be looked at: %s", name, exc)

    def _look(self, name: str, server: Server) -> None:
        engine, pid = server.engine, server.pid
        if not isinstance(engine, Redis) or server.state != "up" or not pid:
            self._seen.pop(name, None)
            return
        times = psutil.Process(pid).cpu_times()
        cpu_s = times.user + times.system
        seen = self._seen.get(name)
        if seen is None or seen.pid != pid:
            self._seen[name] = _Seen(pid, cpu_s)
            return
        used_s, seen.cpu_s = cpu_s - seen.cpu_s, cpu_s
        if used_s < SUSPECT_SHARE * EVERY_S and not seen.suspected:
            return
        match engine.held_up_by():
            case "nothing":
                seen.clear()
            case "a command":
                seen.silent_cpu_s += used_s
                if seen.silent_cpu_s > COMMAND_LIMIT_CPU_S:
                    self._restart(name, "One command kept {} busy for too long")
            case "a script":
                self._end_script(name, engine, seen)

    def _end_script(self, name: str, engine: Redis, seen: _Seen) -> None:
        now = time.monotonic()
        seen.busy_since = seen.busy_since or now
        if now - seen.busy_since < SCRIPT_LIMIT_S:
            return
        if seen.kills == MOST_KILLS:
            self._restart(name, "The scripts in {} did not end")
        elif command := engine.end_script():
            seen.busy_since, seen.kills = now, seen.kills + 1
            label = self._context.topology.node(name).label
            self._context.say(
                f"A script ran for too long in {label}: the sandbox ended it ({command})", "error"
            )
            if engine.held_up_by() == "nothing":
                seen.clear()  # the next script is another one
        else:
            self._restart(name, "A script in {} ran for too long, and had written already")

    def _restart(self, name: str, why: str) -> None:
        label = self._context.topology.node(name).label
        self._context.say(f"{why.format(label)}: the sandbox restarted the server", "error")
        self._seen.pop(name, None)
        self._context.server(name, "kill")
        self._context.server(name, "restart")
