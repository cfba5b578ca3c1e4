"""What a tap on a link overhears, as numbers and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from labs.events import Travelled, Value
from labs.lab import Column, Table
from labs.sandbox.context import Context
from labs.setups.access.tap import Packet, Taps

Answer = TypeVar("Answer")
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


def overhear(context: Context, server: str, exchange: Callable[[], Answer]) -> tuple[Answer, bytes]:
    """Do an exchange with a server over its link: what it returned, and all bytes that crossed the
    link meanwhile, which the table shows.
    """
    tap = context.part(Taps).of(server)
    tap.listen()
    try:
        answer = exchange()
    finally:
        packets = tap.heard()
    context.tabulate(TABLE.name, _rows(packets))
    links = [link.name for link in context.topology.links_to(server)]
    context.emit(Travelled(links=links, meaning="hit", words="answered"))
    return answer, b"".join(packet.data for packet in packets)


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
