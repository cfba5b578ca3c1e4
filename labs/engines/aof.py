"""Redis's append-only file as bytes: which file is written now, and how many writes of a kind stand
in a part of it. Reads only.
"""

from __future__ import annotations

from pathlib import Path

_CHUNK = 256 * 1024


def newest(data: Path) -> Path | None:
    """The file that the server appends to now: since version 7 the last increment of
    `appendonlydir`; None if it keeps none.
    """
    found = sorted(
        (data / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3])
    )
    return found[-1] if found else None


class Counted:
    """How often a whole mark occurs in the first bytes of a file.

    A file only grows, so what was counted once is not read again.
    """

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._path: Path | None = None
        self._read = 0
        self._count = 0
        self._tail = b""

    def up_to(self, path: Path, length: int) -> int:
        """The count in the first `length` bytes; counts from the beginning for a shorter length or
        another file.
        """
        if path != self._path or length < self._read:
            self._path, self._read, self._count, self._tail = path, 0, 0, b""
        with path.open("rb") as file:
            file.seek(self._read)
            while self._read < length and (part := file.read(min(_CHUNK, length - self._read))):
                self._read += len(part)
                text = self._tail + part
                self._count += text.count(self._mark)
                # A mark that is cut in two is counted with the next part; too short to hold a whole
                # one.
                self._tail = text[-(len(self._mark) - 1) :]
        return self._count
