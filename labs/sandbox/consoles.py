"""The consoles of a sandbox: one for each server that has one, made when it is first used, and
again where another server stands. What a console holds open on its server is an event.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from labs.clients.access import Access
from labs.clients.address import Address
from labs.engines.registry import registry
from labs.errors import BadInput, LabsError, ServerDown
from labs.events import ConsoleChanged
from labs.sandbox.console import MOST_TOGETHER, OUTPUT_LIMIT, Answer, Console, Watched
from labs.sandbox.context import Context
from labs.sandbox.memcached_console import MemcachedConsole
from labs.sandbox.redis_cli.console import RedisConsole
from labs.sandbox.sql_console import SqlConsole
from labs.sandbox.typed import as_lines, foreign, looks_like_sql, without_passwords

CONSOLES: dict[str, Callable[[Address, Access], Console]] = {
    "resp": RedisConsole,
    "memcached": MemcachedConsole,
    "sql": SqlConsole,
}
"""The console for each value of `console` of a kind of engine."""
LEARNER = "learner"
"""The user that every engine with users has for its console."""
TOGETHER_S = 6.0
"""After this time no other of them is sent; the page waits for no longer than twice of it."""


class Consoles:
    """Any thread may call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._consoles: dict[str, tuple[object, Console]] = {}
        self._prompts: dict[str, str] = {}

    def run(self, name: str, command: str) -> Answer:
        """Run a command in a server's console, and note it on the timeline. Several lines may be
        several commands, each of which is answered.
        """
        console = self._console(name)
        language = registry[self._context.servers[name].engine.kind].console
        # The others find the ends of their commands themselves.
        pieces = as_lines(command) if language == "resp" else [command]
        if len(pieces) > MOST_TOGETHER:
            raise BadInput(
                f"These are {len(pieces):,} commands. At most {MOST_TOGETHER} run together, so "
                "nothing was run.",
                hint="Paste fewer lines.",
            )
        try:
            if len(pieces) == 1:
                answer = self._run(console, language, command)
            else:
                answer = self._run_all(console, language, pieces, self._prompts.get(name, ""))
        finally:
            self._look_at(name, console)
        if not isinstance(console, Watched):
            self._note(name, answer.prompt)
        shown = without_passwords(command).strip().split("\n")[0][:80]
        more = f" and {len(pieces) - 1} more" if len(pieces) > 1 else ""
        self._context.say(
            f"Console {name}: {shown}{more}" + (" (refused by the server)" if answer.failed else "")
        )
        return answer

    def look(self) -> None:
        """Notice what servers have ended while no command ran. Waits for no server."""
        for name, (_, console) in list(self._consoles.items()):
            self._look_at(name, console)

    def complete(self, name: str, text: str) -> list[str]:
        """How a console command could go on."""
        return self._console(name).complete(text[:200])

    def close_one(self, name: str) -> None:
        """End a console's connection; the next command opens another, and says what was lost."""
        _, console = self._consoles.get(name, (None, None))
        if console is not None:
            with contextlib.suppress(LabsError, OSError):
                console.close()
            self._look_at(name, console)

    def close(self) -> None:
        """Close all connections."""
        for name in list(self._consoles):
            self.close_one(name)

    def _look_at(self, name: str, console: Console) -> None:
        if isinstance(console, Watched) and (standing := console.look()) is not None:
            self._note(name, standing.prompt, standing.why)

    def _note(self, name: str, prompt: str, why: str = "") -> None:
        """Say what the prompt shows, if that is news."""
        with self._lock:
            before = self._prompts.get(name, "")
            self._prompts[name] = prompt
        if prompt != before:
            holds = _held(prompt)
            since = time.time() if holds else 0.0
            event = ConsoleChanged(
                server=name, prompt=prompt, holds=holds, since=since, why="" if holds else why
            )
            self._context.emit(event)

    def _console(self, name: str) -> Console:
        node = self._context.topology.node(name)
        if name not in self._context.servers or not node.has_console:
            raise BadInput(f"{name[:40]} has no console.")
        engine = self._context.servers[name].engine
        behind = (engine.kind, engine.address, engine.access(LEARNER))
        with self._lock:
            before, old = self._consoles.get(name, (None, None))
            if old is not None and before == behind:
                return old
            console = self._made(name)
            self._consoles[name] = (behind, console)
        if old is not None:
            old.close()  # waits for a command that runs in it: not under the lock
        return console

    def _made(self, name: str) -> Console:
        server, doubles = self._context.servers[name], self._context.doubles
        if doubles is not None:
            return doubles.console(name, lambda: self._context.servers[name].state == "up")
        console = CONSOLES[registry[server.engine.kind].console]
        return console(server.engine.address, server.engine.access(LEARNER))

    def _run(self, console: Console, language: str, command: str) -> Answer:
        try:
            answer = console.run(command)
        except BadInput as exc:
            if (found := foreign(command)) and found not in str(exc):
                exc.hint = f"{found} {exc.hint}".strip()
            raise
        if answer.failed and language != "sql" and looks_like_sql(command):
            return replace(answer, notice=f"{self._where_sql_goes()} {answer.notice}".strip())
        return answer

    def _where_sql_goes(self) -> str:
        """What to do with a statement that was typed into the console of a cache."""
        nodes, servers = self._context.topology.nodes, self._context.servers
        for node in nodes:
            server = servers.get(node.name) if node.has_console else None
            if server is not None and registry[server.engine.kind].console == "sql":
                return f"This is SQL. Choose “{node.label}” above, and run it in that console."
        return "This is SQL, and no server of this lab takes SQL."

    def _run_all(self, console: Console, language: str, pieces: list[str], prompt: str) -> Answer:
        """The answers to several commands in one. A command that is refused does not keep those
        after it from running; a server without an answer does, and so does the end of the time.
        """
        room, end = OUTPUT_LIMIT // len(pieces), time.monotonic() + TOGETHER_S
        parts: list[tuple[str, Answer]] = []
        is_down = False
        for piece in pieces:
            if is_down or time.monotonic() > end:
                answer = Answer("", True, 0.0, prompt=prompt, notice="This command was not sent.")
            else:
                try:
                    answer = _cut(self._run(console, language, piece), room)
                except LabsError as exc:
                    is_down = isinstance(exc, ServerDown)
                    notice = f"{exc}\n{exc.hint}" if exc.hint else str(exc)
                    answer = Answer("", True, 0.0, prompt=prompt, notice=notice)
            prompt = answer.prompt
            parts.append((piece, answer))
        answers = [answer for _, answer in parts]
        return Answer(
            "",
            any(answer.failed for answer in answers),
            round(sum(answer.took_ms for answer in answers), 3),
            cut=any(answer.cut for answer in answers),
            prompt=answers[-1].prompt,
            parts=tuple(parts),
        )


def _cut(answer: Answer, room: int) -> Answer:
    """The answer with as much of its output as there is room for, and that said."""
    length = len(answer.output)
    if length <= room:
        return answer
    said = f"The first {room:,} of {length:,} characters are shown: several commands share a page."
    notice = f"{answer.notice} {said}".strip()
    return replace(answer, output=answer.output[:room], cut=True, notice=notice)


def _held(prompt: str) -> str:
    """What a console holds open on its server, by its prompt; empty if nothing."""
    if prompt == "=!":
        return "a failed transaction that is still open"
    return "an open transaction" if prompt == "=*" or "(TX)" in prompt else ""
