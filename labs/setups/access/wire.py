"""What a tap on a link overhears: as numbers, as text, and how often a text is among it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from labs.events import Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.sandbox.experiment import observed
from labs.setups.access.bench import require_up, show_on_link
from labs.setups.access.tap import Packet, Taps

MOST_ROWS, PER_ROW = 28, 16
TABLE = Table(
    "wire",
    "On the wire",
    (
        Column("way", "Way"),
        Column("bytes", "Bytes, as hexadecimal numbers", mono=True),
        Column("text", "As text", mono=True),
    ),
    empty="Nothing has been sent yet.",
)


@dataclass(frozen=True, slots=True)
class Overheard:
    """An exchange with a server, as the wire showed it: how many bytes crossed, and how often each
    text that was looked for was among them, by the name under which the checks count it.
    """

    server: str
    answer: str
    bytes_seen: int
    times_seen: Mapping[str, int]

    @property
    def evidence(self) -> dict[str, Value]:
        """What proves a check."""
        return {"answer": self.answer, "bytes_seen": self.bytes_seen, **self.times_seen}


def overhear(context: Context, server: str, exchange: Callable[[], str], **texts: str) -> Overheard:
    """Do an exchange with a server over its link, and look for these texts in the bytes that
    crossed the link meanwhile. The table shows them, and the checks see what was found.
    """
    require_up(context, server)
    with context.part(Taps).of(server).exchange() as packets:
        answer = exchange()
    context.tabulate(TABLE.name, _rows(packets))
    for link in context.topology.links_to(server):
        show_on_link(context, link.name, "answered", is_answered=True)
    data = b"".join(packet.data for packet in packets)
    found = {name: data.count(text.encode()) for name, text in texts.items()}
    return observed(context, Overheard(server, answer, len(data), found))


def times(number: int) -> str:
    """How often, in words."""
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


def _rows(packets: Iterable[Packet]) -> list[dict[str, Value]]:
    """A row for every sixteen bytes, as tools for packets show them."""
    rows: list[dict[str, Value]] = []
    for packet in packets:
        for at in range(0, len(packet.data), PER_ROW):
            piece = packet.data[at : at + PER_ROW]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
            way = "to the server" if packet.to_server else "back"
            rows.append({"way": "" if at else way, "bytes": piece.hex(" "), "text": text})
    return rows[:MOST_ROWS]
