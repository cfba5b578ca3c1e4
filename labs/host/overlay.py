"""A sandbox's database on an overlay: the prepared data directory below, a small memory file system
above it that takes what the sandbox changes.

Opening then copies nothing. Needs root and a kernel that lets it; where it does not work, sandboxes
copy the template.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from labs import linux
from labs.errors import DidNotStart
from labs.shop import template as shop_template

DATA = Path("database", "data")
"""Where a sandbox's directory has its database (labs.sandbox.agent puts it there)."""
ROOM_MB = 256
ROOM_INODES = 10_000


@dataclass(frozen=True, slots=True)
class Layers:
    """The layer that all sandboxes share, and the empty folder where each mounts its own."""

    lower: Path
    room: Path


def used(monitor: int, room: Path) -> int:
    """Bytes that a sandbox holds in its memory file system; 0 if it is gone."""
    try:
        found = os.statvfs(f"/proc/{monitor}/root{room}")
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def prepare(directory: Path, template: Path) -> Layers | None:
    """The layers for sandboxes of this template, made if they are not there; None where overlays
    do not work. Call it in a process with one thread.

    `directory` is the labs host's own. Only root can look into it: files of the shared layer may be
    writable for every user, for that is how a sandbox's own user may write to its copy of them.
    """
    if os.getuid() != 0:
        return None
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)
    closed, room = directory / "lower", directory / "room"
    closed.mkdir(mode=0o700, exist_ok=True)
    room.mkdir(mode=0o711, exist_ok=True)
    if not _works(closed, room):
        return None
    layers = Layers(closed / "data", room)
    shop_template.build_open(template, layers.lower)
    return layers


def mount(layers: Layers, directory: Path, uid: int) -> None:
    """Give this process and its children the database of a sandbox in `directory`. It goes with the
    last of them. Raises DidNotStart.
    """
    upper, work, data = layers.room / "upper", layers.room / "work", directory / DATA
    try:
        linux.unshare_mounts()
        options = f"size={ROOM_MB}m,nr_inodes={ROOM_INODES},mode=0711"
        linux.mount("tmpfs", layers.room, "tmpfs", options)
        # Postgres looks at the owner and the mode of the data directory's root alone.
        for folder, owner in ((upper, uid), (work, 0), (data.parent, uid), (data, uid)):
            folder.mkdir(mode=0o700)
            os.chown(folder, owner, owner)
        # Nothing of it outlives the machine, so nothing need be synced.
        options = f"lowerdir={layers.lower},upperdir={upper},workdir={work},volatile"
        linux.mount("overlay", data, "overlay", options)
    except OSError as exc:
        raise DidNotStart("The database could not be laid out.", detail=str(exc)) from exc


def _works(lower: Path, room: Path) -> bool:
    """Try it in a child, whose mounts go with it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    try:
        linux.unshare_mounts()
        linux.mount("tmpfs", room, "tmpfs", "size=1m,mode=0711")
        for name in ("upper", "work", "merged"):
            (room / name).mkdir()
        options = f"lowerdir={lower},upperdir={room}/upper,workdir={room}/work,volatile"
        linux.mount("overlay", room / "merged", "overlay", options)
        (room / "merged" / "mark").write_text("x")
        os._exit(0 if (room / "upper" / "mark").exists() else 1)
    except OSError:
        os._exit(1)
