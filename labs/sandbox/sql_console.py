"""The console of Postgres: what psql prints, as the role `learner`, in one session that is never
replaced in silence.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from labs.clients.access import Access
from labs.clients.address import Address
from labs.clients.sql_session import LoginRefused, SqlSession
from labs.errors import BadInput, CommandRefused, ServerDown
from labs.sandbox.console import (
    COMMAND_LIMIT,
    SQL_DEADLINE_S,
    Answer,
    Standing,
    ms_since,
    not_answered,
)
from labs.sandbox.psql_message import message
from labs.sandbox.sql_reply import END_S, Reply
from labs.sandbox.typed import foreign, foreign_in_sql, swallowed

_SETTINGS = {
    "application_name": "console",
    "client_encoding": "UTF8",
    "statement_timeout": str(int(SQL_DEADLINE_S * 1000)),
    # A learner can set these for the own role, and no session would begin or last.
    "idle_session_timeout": "0",
    "local_preload_libraries": "",
}
CONNECT_S = 1.0
_PROMPTS = {"T": "=*", "E": "=!"}
_KEEPS = ("SET", "LISTEN", "PREPARE", "DECLARE CURSOR", "LOAD")
_KEEPS_TOO = re.compile(r"advisory_(xact_)?lock|set_config|setseed", re.IGNORECASE)
_COMMITS = re.compile(r"\b(commit|end)\b", re.IGNORECASE)
_ENDS = ("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK")
_READS = ("SELECT", "SHOW", "EXPLAIN", "FETCH", "SET", *_ENDS)
_BREAKS = ("DROP ", "ALTER TABLE", "ALTER SCHEMA", "REVOKE", "TRUNCATE")
_OF_THE_SHOP = re.compile(
    r"\b(schema\s+shop|owned|categories|products|inventory|customers|reviews|orders|order_items)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Loss:
    """A session that ended: what the server said, and what was in it."""

    said: str
    kept: str


class SqlConsole:
    """Any thread may call."""

    _WORDS = (
        "select",
        "update shop.products set price = ",
        "insert into ",
        "delete from ",
        "explain analyze select",
        "from shop.products",
        "from shop.reviews",
        "from shop.categories",
        "where product_id = ",
        "order by ",
        "limit 10",
    )

    def __init__(self, address: Address, access: Access) -> None:
        self._session = SqlSession(address, access, settings=_SETTINGS, connect_timeout_s=CONNECT_S)
        self._lock = threading.Lock()
        self._began = self._keeps = False
        self._status = "I"
        self._loss: _Loss | None = None
        self._between: Reply | None = None

    def run(self, command: str) -> Answer:
        _check(command)
        with self._lock:
            self._settle()
            if (loss := self._loss) is not None and loss.kept:
                self._loss = None
                return Answer(loss.said, True, 0.0, notice=f"{_in_words(loss)} {_NOT_RUN}")
            return self._answer(command)

    def complete(self, text: str) -> list[str]:
        start, last = text[: text.rfind(" ") + 1], text.lower().rsplit(" ", 1)[-1]
        return [start + word for word in self._WORDS if last and word.startswith(last)]

    def look(self) -> Standing | None:
        """How the session is now, without waiting; None while a command runs."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            self._settle()
            why = _in_words(self._loss) if self._loss is not None and self._loss.kept else ""
            return Standing(self._prompt, why)
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the session and what runs in it; the next command says that it ended, and with what
        in it.
        """
        if not self._lock.acquire(blocking=False):
            self._session.cancel()
            self._lock.acquire()
        try:
            self._lose("")
        finally:
            self._lock.release()

    @property
    def _prompt(self) -> str:
        return _PROMPTS.get(self._status, "")

    def _answer(self, command: str) -> Answer:
        began = time.perf_counter()
        notices = [_in_words(self._loss)] if self._loss is not None else []
        try:
            with self._session.within(CONNECT_S):
                self._session.connect()
        except LoginRefused as exc:
            return Answer(message(exc.body, ""), True, ms_since(began))
        except OSError as exc:
            raise not_answered("database", exc) from exc
        self._began, self._loss = True, None
        reply = Reply(command)
        try:
            self._session.ask(command)
            reply.read(self._session)
        except OSError as exc:
            return self._ended(reply, command, exc, began)
        took_ms = ms_since(began)
        self._status = self._session.status
        self._keeps |= any(tag.startswith(_KEEPS) for tag in reply.tags)
        self._keeps |= bool(_KEEPS_TOO.search(command))
        notices += [
            *self._from_between(),
            *reply.left_out,
            *_explained(reply, command, self._status),
        ]
        if reply.failed:
            notices.append(foreign(command))
        return Answer(
            reply.text,
            reply.failed,
            took_ms,
            cut=bool(reply.left_out),
            prompt=self._prompt,
            notice=" ".join(filter(None, notices)),
        )

    def _ended(self, reply: Reply, command: str, exc: OSError, began: float) -> Answer:
        """The answer where the session ended while a command ran. Raises ServerDown if the server
        is silent.
        """
        self._lose("")
        loss, self._loss = self._loss, None
        ended = _in_words(loss) if loss is not None else ""
        if not reply.fatal or _COMMITS.search(command):
            ended = (
                "Your session has ended, and this command may have run all the same: look before "
                "you repeat it."
            )
        if isinstance(exc, TimeoutError) and reply.begun:
            ended = f"The answer did not end within {END_S:g} seconds. {ended}"
        if reply.fatal or reply.begun or isinstance(exc, ConnectionError):
            closed = "server closed the connection unexpectedly"
            text = reply.text or (closed if isinstance(exc, ConnectionError) else "")
            notice = f"{ended} The next command runs in a new session."
            return Answer(text, True, ms_since(began), notice=notice)
        down = not_answered("database", exc)
        raise ServerDown(str(down), hint=f"{down.hint} {ended}", detail=down.detail) from exc

    def _settle(self) -> None:
        """Read what the server sent while no command ran, and find out whether it has ended the
        session.
        """
        if not self._session.connected:
            return
        reply = self._between or Reply("")
        try:
            with self._session.within(1.0):
                while self._session.waiting():
                    self._between = reply
                    reply.take(self._session)
        except OSError:
            self._lose(reply.text)
        if reply.fatal:
            self._lose(reply.text)

    def _from_between(self) -> list[str]:
        """What the server sent before this command, in one sentence."""
        between, self._between = self._between, None
        return [f"Since the command before: {between.text}"] if between and between.text else []

    def _lose(self, said: str) -> None:
        if self._began:
            kept = "transaction" if self._status != "I" else "settings" if self._keeps else ""
            self._loss = self._loss or _Loss(said, kept)
        self._began = self._keeps = False
        self._status, self._between = "I", None
        self._session.close()


_NOT_RUN = "This command was not run. Send it again to run it in a new session."


def _in_words(loss: _Loss) -> str:
    """The loss in a sentence."""
    if loss.kept == "transaction":
        return (
            "Your session has ended, and its open transaction was rolled back: nothing of it is "
            "in the database."
        )
    if loss.kept:
        return (
            "Your session has ended, and what it kept is gone: what SET set, prepared statements, "
            "cursors, advisory locks, LISTEN."
        )
    return "Your session had ended."


def _check(command: str) -> None:
    if len(command.encode()) > COMMAND_LIMIT or "\x00" in command:
        raise BadInput("A statement here is text of 64 KiB at most.")
    if not command.strip().strip(";"):
        raise BadInput("Write a statement.", hint="For example: select count(*) from shop.reviews;")
    if command.lstrip().startswith("\\"):
        raise CommandRefused(
            f"{command.split()[0][:20]} is a command of psql itself; this console sends SQL.",
            hint="The tables: select tablename from pg_tables where schemaname = 'shop';",
        )
    if command.strip().strip(";").strip().lower() in ("help", "?"):
        raise CommandRefused(
            "This console takes SQL, and each statement may end with a semicolon.",
            hint="Try: select * from shop.products limit 5; The tables: select tablename from "
            "pg_tables where schemaname = 'shop';",
        )
    if found := foreign_in_sql(command):
        raise CommandRefused(
            f"{found} Postgres would take them for letters of a name, so nothing was run.",
            hint="Write the plain characters.",
        )
    if swallowed(command):
        raise CommandRefused(
            "A comment has a line separator in it that is no line end for Postgres: what follows "
            "it would be a part of the comment, so nothing was run.",
            hint="Put a line end there with Shift+Enter, or leave the comment out.",
        )


def _explained(reply: Reply, command: str, status: str) -> list[str]:
    """What psql leaves its reader to know."""
    said = []
    if reply.cancelled:
        said.append(f"This console cancels a statement after {SQL_DEADLINE_S:g} seconds.")
    if (
        reply.failed
        and status == "I"
        and not any(tag.startswith(_ENDS) for tag in reply.tags)
        and any(not tag.startswith(_READS) for tag in reply.tags)
    ):
        said.append(
            "Postgres runs statements that were sent together as one transaction: the error "
            "undid those before it, too."
        )
    if "ALTER ROLE" in reply.tags:
        said.append(
            "Settings of a role apply from its next session on. This console needs no password; "
            "Start afresh takes everything back."
        )
    breaks = any(tag.startswith(_BREAKS) for tag in reply.tags)
    if breaks and not reply.failed and _OF_THE_SHOP.search(command):
        said.append(
            "The shop's application needs the tables of the schema shop: if its requests fail "
            "now, Start afresh brings everything back."
        )
    return said
