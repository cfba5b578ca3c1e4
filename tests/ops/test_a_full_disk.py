"""scripts/serve on a disk that is full, at its start and later: the disk is named. The disks are
small file systems in memory, which only root may mount.
"""

from __future__ import annotations

import contextlib
import http.cookiejar
import json
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ops.conftest import Checkout, all_end
from tests.waiting import eventually

PAGE = "The disk of this site is full"


@pytest.fixture
def disk(needs_root: None, server_folder: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of this size in MiB."""
    folder = Path(tempfile.mkdtemp(dir=server_folder))
    mounted = False

    def make(mib: int) -> Path:
        nonlocal mounted
        options = ["-o", f"size={mib}m,mode=755"]
        ended = subprocess.run(
            ["mount", "-t", "tmpfs", *options, "small", str(folder)], capture_output=True
        )
        if ended.returncode:
            pytest.skip(f"this machine can't mount: {ended.stderr.decode()}")
        mounted = True
        return folder

    yield make
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no byte of the disk free."""
    filling = folder / "filling"
    with filling.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filling


class Visitor:
    """A browser with cookies."""

    def __init__(self, port: int) -> None:
        self._site = f"http://127.0.0.1:{port}"
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)

    def ask(self, path: str, data: bytes | None = None) -> tuple[int, str]:
        """The status and the text of a page; with data it is a form that is sent, a second time
        where the site asks for its cookie back.
        """
        request = urllib.request.Request(
            self._site + path, data, headers={"Sec-Fetch-Site": "same-origin"}
        )
        try:
            with self._opener.open(request, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code == 307:
                    return self.ask(exc.headers["Location"], data)
                return exc.code, exc.read().decode()

    def health(self) -> dict[str, str]:
        """What the deep look at the site's health finds."""
        found: dict[str, str] = json.loads(self.ask("/healthz?deep=1")[1])
        return found


def test_a_full_disk_is_named_before_anything_is_started(checkout: Checkout, disk):
    state = disk(64)
    fill(state)
    run = checkout.serve(environment={"CACHEGROUND_STATE": str(state)})

    assert run.process.wait(60) == 1
    (line,) = run.said().splitlines()
    assert line.startswith(f"The disk of {state} is full") and "Make room" in line
    assert [path.name for path in state.iterdir()] == ["filling"]


def test_a_disk_that_fills_during_the_first_start_is_named(checkout: Checkout, disk):
    state = disk(40)
    run = checkout.serve(environment={"CACHEGROUND_STATE": str(state)})
    family = run.family()

    assert run.process.wait(120) == 1
    assert f"The disk of {state} is full" in run.said(), run.said()
    assert "Traceback" not in run.said()
    all_end(family)


def test_a_disk_that_fills_later_is_named_and_nothing_that_was_saved_is_lost(
    checkout: Checkout, disk
):
    state = disk(160)
    run = checkout.serve(environment={"CACHEGROUND_STATE": str(state)})
    run.wait_ready()
    visitor = Visitor(run.port)
    read = "/lessons/caching-patterns/read"
    assert visitor.ask(read, b"")[0] == 200
    assert visitor.health()["disk"] == "up"

    filling = fill(state)

    assert visitor.ask("/healthz?deep=1")[0] == 503 and visitor.health()["disk"] == "full"
    assert visitor.ask("/healthz")[0] == 200 and visitor.ask("/lessons/caching-patterns")[0] == 200
    answers = [visitor.ask(read, b"")]
    eventually(
        lambda: answers.append(Visitor(run.port).ask(read, b"")) or answers[-1][0] != 200,
        60,
        "an answer that can't be saved",
    )
    assert answers[-1][0] == 503 and PAGE in answers[-1][1]
    assert (
        "disk of the machine that runs the labs is full"
        in visitor.ask("/labs/cache-aside/sandbox", b"")[1]
    )

    filling.unlink()

    eventually(lambda: set(visitor.health().values()) == {"up"}, 60, "its recovery")
    assert visitor.ask(read, b"")[0] == 200
    assert run.stop() == 0
