"""gunicorn's threaded worker, with a main loop that no client holds up and threads that wait for no
client's bytes.

A connection gets a thread when its whole request has arrived. It is closed without waiting: what
the client still sends is dropped for a while in the main loop, so that it can read the answer. For
plain HTTP/1. `docs/decisions/connections.md` says why.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from portal.serve.arriving import Arriving, State
from portal.serve.limits import connections_with, raise_open_files
from portal.serve.refusals import refusal

SEND_BUFFER = 256 * 1024
"""A page fits in: a client that reads slowly costs memory of the kernel, not a thread."""
READ_AT_ONCE = 64 * 1024
REFUSED_AT_ONCE = 64
REFUSE_AFTER_S = 0.25
"""How long a full worker leaves new connections to the other one before it refuses them."""
SAY_EVERY_S = 10.0
OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
REFUSED = {State.BROKEN: 400, State.BODY_TOO_LONG: 413, State.HEAD_TOO_LONG: 431}
RESET = struct.pack("ii", 1, 0)


class Arrived(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn's parser reads: the bytes of one request, which are there already."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        """No more bytes: a body that was cut off is never taken for a whole one."""
        raise ConnectionResetError(errno.ECONNRESET, "The request has not arrived whole.")


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A client's connection, the bytes that no thread has taken yet, and its deadline."""

    parser: Any

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.arriving = Arriving()
        self.held = 0
        self.data_ready = True
        self.is_cut = False
        self.is_unread = False
        self.closes_at = 0.0
        self.drops = 0

    def init(self) -> None:
        """Have a parser."""
        if self.parser is None:
            self.parser = http.get_parser(self.cfg, self.sock, self.client)
            self.parser.unreader = Arrived()
            self.initialized = True


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A connection is idle (`keepalived_conns`), arriving, queued, in a thread, or lingering.

    All but the last count as open (`nr_conns`). Threads take connections from `_queued` and hand
    them back through the method queue; everything else belongs to the main loop.
    """

    request_s = 20.0
    """For a whole request, head and body, from its first byte; if it is the first, from accept."""
    arriving_bytes = 32 * 1024 * 1024
    queued_s = 10.0
    send_s = 10.0
    """For each write of an answer. Streams have their own (`portal.web.hub.SLOW_READER_S`)."""
    linger_s, linger_silent_s = 30.0, 2.0
    linger_bytes = 64 * 1024 * 1024
    lingering_most = 256

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Connection, None] = {}
        self._held = 0
        self._queued: dict[Connection, float] = {}
        self._lingering: dict[Connection, None] = {}
        self._spare = -1
        self._refuse_at = self._said_at = 0.0
        self._dropped = bytearray(4 * READ_AT_ONCE)

    def init_process(self) -> None:
        """Take no more connections than there are descriptors for."""
        fits = connections_with(raise_open_files())
        self.worker_connections = self.max_keepalived = min(self.cfg.worker_connections, fits)
        self.lingering_most = min(self.lingering_most, fits)
        self._spare = os.open(os.devnull, os.O_RDONLY)
        super().init_process()

    def run(self) -> None:
        """Serve until asked to stop."""
        # One thread does all the work where no other can be started. Without it gunicorn gives up.
        self.tpool.submit(int).result()
        super().run()

    def accept(self, listener: socket.socket) -> None:
        """Take one new connection, with what it has sent already."""
        try:
            client, address = listener.accept()
        except OSError as exc:
            if exc.errno in OUT_OF_FILES:
                self._refuse_without_descriptor(listener)
            elif exc.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        conn = self._opened(client, address, listener)
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        self._await_request(conn)
        self._receive(conn)

    def _opened(self, client: socket.socket, address: Any, listener: socket.socket) -> Connection:
        self.nr_conns += 1
        with contextlib.suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        return Connection(self.cfg, client, address, listener.getsockname())

    def _await_request(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + self.request_s
        self._arriving[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))

    def _receive(self, conn: Connection, _: object = None) -> None:
        """Take what came on a connection that is idle or arriving."""
        try:
            data = conn.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if conn in self.keepalived_conns:
            self._leave_poller(conn)
            self._await_request(conn)
        elif conn not in self._arriving:
            return
        if data:
            self._go_on(conn, conn.arriving.add(data))
        else:
            self._drop(conn)

    def _go_on(self, conn: Connection, state: State) -> None:
        """Hand over what is whole, refuse what can't become so, wait for the rest."""
        self._count(conn, len(conn.arriving))
        if state is State.ARRIVING:
            if conn.arriving.should_continue():
                with contextlib.suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            while self._held > self.arriving_bytes:
                self._refuse(next(iter(self._arriving)), 408)
        elif state in REFUSED:
            self._refuse(conn, REFUSED[state])
        else:
            self._leave_poller(conn)
            conn.is_cut = state is State.CUT
            conn.init()
            conn.parser.unreader.unread(conn.arriving.take(state))
            self.enqueue_req(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Give it to the threads."""
        self._queued[conn] = time.monotonic()
        try:
            self.tpool.submit(self._work, conn)
        except RuntimeError as exc:
            self._say(f"{exc}: {len(self._queued)} requests wait for the threads that there are")

    def _work(self, conn: Connection) -> None:
        """In a thread: answer one request, unless it was refused while it waited."""
        if self._queued.pop(conn, None) is None:
            return
        is_kept = False
        try:
            is_kept = bool(self.handle(conn))
        finally:
            self.method_queue.defer(self._finish, conn, is_kept)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """In a thread: have the app answer; False if the connection must be closed."""
        req._expected_100_continue = False  # was done, or the body is not wanted
        if conn.is_cut:
            req.force_close()
        conn.sock.settimeout(self.send_s)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as exc:
            conn.is_unread = True
            why = "The client does not read the answer."
            raise ConnectionResetError(errno.ECONNRESET, why) from exc

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """A body that the app has not read is there: it can be thrown away without waiting."""
        return bool(keepalive and conn.parser.finish_body())

    def _finish(self, conn: Connection, is_kept: bool) -> None:
        """In the main loop: go on with a connection that a thread has handed back."""
        try:
            if not is_kept:
                self._close(conn)
                return
            conn.sock.setblocking(False)
            if len(conn.arriving):
                self._await_request(conn)
                self._go_on(conn, conn.arriving.look())
                return
            conn.set_timeout()
            if not self.alive:
                conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
            self.keepalived_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        except OSError:
            self._drop(conn)

    def murder_pending(self) -> None:
        """End what has come to its deadline."""
        for conn in self._overdue(self._arriving):
            if len(conn.arriving):
                self._refuse(conn, 408)
            else:
                self._drop(conn)
        for conn in self._overdue(self._lingering):
            self._stop_lingering(conn)
        waiting_since = time.monotonic() - self.queued_s
        for conn, since in list(self._queued.items()):
            if since > waiting_since:
                break
            if self._queued.pop(conn, None) is not None:
                self._say(f"no thread was free for {self.queued_s:g} s: 503")
                self._refuse(conn, 503)
        if not self.alive:
            for conn in [conn for conn in self._arriving if not len(conn.arriving)]:
                self._drop(conn)

    def _overdue(self, conns: dict[Connection, None]) -> Iterator[Connection]:
        """The oldest as long as its time is over; who asks takes it out."""
        while conns and (conn := next(iter(conns))).timeout <= time.monotonic():
            yield conn

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """What gunicorn does; a worker that is full then refuses connections that still wait."""
        full = self.alive and not self._accepting
        super().wait_for_and_dispatch_events(min(timeout, REFUSE_AFTER_S) if full else timeout)
        now = time.monotonic()
        if not full:
            self._refuse_at = now + REFUSE_AFTER_S
        elif now >= self._refuse_at:
            self._refuse_at = now + REFUSE_AFTER_S
            for listener in self.sockets:
                self._refuse_waiting(listener)

    def _refuse_waiting(self, listener: socket.socket) -> None:
        for _ in range(REFUSED_AT_ONCE):
            try:
                client, address = listener.accept()
            except OSError:
                return
            self._say(f"all {self.worker_connections} connections are in use: 503")
            self._refuse(self._opened(client, address, listener), 503)

    def _refuse_without_descriptor(self, listener: socket.socket) -> None:
        """Give up the spare descriptor for a moment, so that the client gets an answer."""
        self._say("no file can be opened: 503")
        with contextlib.suppress(OSError):
            os.close(self._spare)
        with contextlib.suppress(OSError), listener.accept()[0] as client:
            client.setblocking(False)
            client.send(refusal(503))
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _make_room(self) -> None:
        """Close what has been idle or arriving longest."""
        idle = self.keepalived_conns[0] if self.keepalived_conns else None
        arriving = next(iter(self._arriving), None)
        if idle and not (arriving and self._began(arriving) < self._idle_since(idle)):
            self._drop(idle)
        elif arriving:
            self._refuse(arriving, 408)

    def _began(self, arriving: Connection) -> float:
        return float(arriving.timeout - self.request_s)

    def _idle_since(self, idle: Connection) -> float:
        return float(idle.timeout - self.cfg.keepalive)

    def _count(self, conn: Connection, held: int) -> None:
        """Note how much of it is held: not all that came, since empty lines are passed over."""
        self._held += held - conn.held
        conn.held = held

    def _leave_poller(self, conn: Connection) -> None:
        """Neither idle nor arriving any more."""
        if conn in self._arriving:
            del self._arriving[conn]
            self._count(conn, 0)
        elif conn in self.keepalived_conns:
            self.keepalived_conns.remove(conn)
        else:
            return
        self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        """Close one of which nothing more is wanted."""
        self._leave_poller(conn)
        self.nr_conns -= 1
        conn.close()

    def _refuse(self, conn: Connection, status: int) -> None:
        """Answer it from here, and close it."""
        self._leave_poller(conn)
        with contextlib.suppress(OSError):
            conn.sock.send(refusal(status))
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        """Close it for writing at once, and altogether when the client has, or after a while."""
        self.nr_conns -= 1
        try:
            conn.sock.setblocking(False)
            if conn.is_unread:
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                conn.close()
                return
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))
        except (OSError, ValueError):
            conn.close()
            return
        conn.closes_at, conn.drops = time.monotonic() + self.linger_s, self.linger_bytes
        self._linger(conn)
        if len(self._lingering) > self.lingering_most:
            self._stop_lingering(next(iter(self._lingering)))

    def _linger(self, conn: Connection) -> None:
        """Stay last in the order of deadlines."""
        self._lingering.pop(conn, None)
        self._lingering[conn] = None
        conn.timeout = min(time.monotonic() + self.linger_silent_s, conn.closes_at)

    def _discard(self, conn: Connection, _: object = None) -> None:
        """Read and drop what the client still sends: closing before it would lose the answer."""
        if conn not in self._lingering:
            return
        try:
            count = conn.sock.recv_into(self._dropped)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        conn.drops -= count
        if count and conn.drops > 0:
            self._linger(conn)
        else:
            self._stop_lingering(conn)

    def _stop_lingering(self, conn: Connection) -> None:
        del self._lingering[conn]
        self.poller.unregister(conn.sock)
        conn.close()

    def _say(self, what: str) -> None:
        """One line in the log, but not one for each client."""
        if (now := time.monotonic()) - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            self.log.warning("Worker %s: %s.", self.pid, what)
