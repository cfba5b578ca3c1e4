"""One epoll with a handler for each descriptor. Knows nothing of links."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable

Handler = Callable[[int], None]
"""Called with the epoll events of its descriptor."""


class Poll:
    """One thread only."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call `handler` for these events from now on."""
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Watch for other events than before."""
        self._epoll.modify(fd, events)

    def suspend(self, fd: int) -> None:
        """Report nothing of a descriptor, neither errors nor its end, until `resume`."""
        self._epoll.unregister(fd)

    def resume(self, fd: int) -> None:
        """Report errors and the end of a suspended descriptor again."""
        self._epoll.register(fd, 0)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor that stays open."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def close(self, closing: socket.socket) -> None:
        """Close a socket and forget it, watched or not."""
        with contextlib.suppress(OSError, KeyError):
            self._handlers.pop(closing.fileno())
            self._epoll.unregister(closing.fileno())
        closing.close()

    def run_once(self, due: float | None) -> None:
        """Wait for events and handle them; return at `due` (monotonic) at the latest."""
        for fd, events in self._wait(due):
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(events)

    def _wait(self, due: float | None) -> list[tuple[int, int]]:
        """epoll counts whole milliseconds, select microseconds: so a deadline waits in select."""
        if due is None:
            return self._epoll.poll()
        left = due - time.monotonic()
        if left > 0:
            select.select([self._epoll], [], [], left)
        return self._epoll.poll(0)
