"""A real server of a sandbox as an object: started, asked whether it is ready, killed, paused,
restarted; it emits an event for every change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from labs.engines.base import Engine
from labs.errors import DidNotStart, NotNow, ServerDown
from labs.events import Event, ServerChanged, ServerState
from labs.runtime.disk import Cut, Disk
from labs.runtime.protocol import Running, Runtime

START_DEADLINE_S = 10.0
HOLD_EVERY_S = 0.005
LISTEN_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.05


class Server:
    """One node's server.

    Its address stays when it is killed and started again; only the engine behind a name may be
    exchanged.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        runtime: Runtime,
        *,
        log: Path,
        emit: Callable[[Event], None],
    ) -> None:
        self.name = name
        self.engine = engine
        self.version = ""
        self.state: ServerState = "stopped"
        self._runtime = runtime
        self._log = log
        self._emit = emit
        self._running: Running | None = None
        self._lock = threading.RLock()

    def start(self, why: str = "") -> None:
        """Start it and wait until it answers its own question.

        Raises DidNotStart with the tail of its log.
        """
        with self._lock:
            if self._runs():
                raise NotNow(f"{self.name} runs already.")
            self._change("starting", why)
            self._running = self._runtime.start(self.engine.launch(), self._log)
            self.version = self._wait_until_ready()
            self._change("up", why)

    def stop(self, why: str = "you stopped it") -> None:
        """Ask it to end; it is dead when this returns."""
        with self._lock:
            if self._runs() or self.state == "down":
                self._end()
                self._change("stopped", why)

    def kill(self, why: str = "you killed it") -> None:
        """End it as a crash would."""
        with self._lock:
            self._alive().kill()
            self._change("down", why)

    def hold(self, condition: Callable[[], bool], *, deadline_s: float) -> None:
        """Freeze it in a moment in which the condition holds, or at the deadline, and leave it so
        for a `kill` or a `cut_power` that follows at once: nothing changes in between.
        """
        with self._lock:
            running, end = self._alive(), time.monotonic() + deadline_s
            running.pause()
            try:
                while not condition() and time.monotonic() < end:
                    running.resume()
                    time.sleep(HOLD_EVERY_S)
                    running.pause()
            except BaseException:
                running.resume()
                raise

    def cut_power(
        self,
        why: str = "its power was cut",
        between_kill_and_cut: Callable[[], object] = lambda: None,
    ) -> list[Cut]:
        """End it as a loss of power would, whether it runs or was killed before: what it did not
        sync is gone. NotNow where that isn't known.
        """
        with self._lock:
            if self._running is None:
                raise NotNow(f"{self.name} is not running.", hint="Restart it first.")
            done = self._running.cut_power(between_kill_and_cut)
            self._change("down", why)
            return done

    def start_empty(self, why: str) -> None:
        """Stop it if it runs, empty its disk, and start it on the same address."""
        with self._lock:
            self._end()
            if self.disk is not None:
                self.disk.clear()
            self.start(why)

    @property
    def disk(self) -> Disk | None:
        """The durable part of its files; None if its syncs are not traced."""
        return self._running.disk if self._running else None

    def pause(self, why: str = "you paused it") -> None:
        """Freeze it: it keeps its connections and answers nothing."""
        with self._lock:
            if self.state == "paused":
                raise NotNow(f"{self.name} is paused already.")
            self._alive().pause()
            self._change("paused", why)

    def resume(self, why: str = "you resumed it") -> None:
        """Let it go on."""
        with self._lock:
            if self.state != "paused":
                raise NotNow(f"{self.name} is not paused.")
            self._alive().resume()
            self._change("up", why)

    def restart(self, why: str = "you restarted it") -> None:
        """Stop it if it runs, and start it on the same address."""
        with self._lock:
            self._end()
            self.start(why)

    def watch(self) -> None:
        """Report it if it ended by itself; called now and then."""
        if self._lock.acquire(blocking=False):
            try:
                code = self._running.poll() if self._running is not None else None
                if code is not None and self.state in ("up", "paused"):
                    self._change("down", f"it ended by itself (exit code {code})")
            finally:
                self._lock.release()

    @property
    def pid(self) -> int:
        """The process id of the running server; 0 if there is none."""
        return self._running.pid if self._running is not None and self._runs() else 0

    def log_tail(self, lines: int = 40) -> list[str]:
        """The last lines of its log."""
        return self._running.log_tail(lines) if self._running else []

    def _runs(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def _end(self) -> None:
        if self._running is not None and self._runs():
            self._running.stop()

    def _alive(self) -> Running:
        if self._running is None or not self._runs():
            raise NotNow(f"{self.name} is not running.", hint="Restart it first.")
        return self._running

    def _wait_until_ready(self) -> str:
        """The version that the engine reports. Asks cheaply and often whether it listens, and only
        then whether it is ready: a refused client costs more than the question.
        """
        assert self._running is not None
        end = time.monotonic() + START_DEADLINE_S
        pause_s, problem = LISTEN_PAUSE_S, None
        while self._running.poll() is None and time.monotonic() < end:
            if self.engine.listens():
                try:
                    return self.engine.ready(0.5)
                except ServerDown as exc:
                    problem = exc
                    pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
            time.sleep(pause_s)
        self._running.kill()
        self._change("down", "it did not start")
        raise DidNotStart(
            f"{self.name} did not start.",
            hint="Try again; the log says more.",
            detail="\n".join(self.log_tail()),
        ) from problem

    def _change(self, state: ServerState, why: str) -> None:
        self.state = state
        self._emit(ServerChanged(server=self.name, state=state, why=why, version=self.version))
