"""The servers of a lab started bare: the programs, the configuration and the data of a sandbox,
without a cage, an agent or links.

As a helper: a line of orders, then a line when everything is laid out; one more line starts the
servers together, and the seconds until the last of them answers are the answer. Once for each
process, which keeps the data's mounts to itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from labs.agent.agent import warm_up
from labs.catalogue import find
from labs.clients.address import Address
from labs.engines.base import Engine
from labs.engines.registry import registry
from labs.errors import ServerDown
from labs.host import overlay
from labs.shop.template import copy
from portal.serve.child import Child, Launch
from scripts.benchmarks.figures import CannotMeasure
from scripts.benchmarks.running import free_port

START_S, PAUSE_S = 20.0, 0.001


def lay_out(lab_name: str, directory: Path, template: Path, uid: int | None) -> list[Engine]:
    """The lab's engines at its first settings, with their files and with the shop's data as a
    sandbox has it: on an overlay, or where that does not work as a copy.
    """
    lab = find(lab_name)
    settings = lab.settings({})
    layers = overlay.prepare(directory.with_name("layers"), template)
    directory.mkdir()
    if layers is not None and uid is not None:
        overlay.mount(layers, directory, uid)
    engines = []
    for node in lab.topology.servers:
        folder = directory / node.name
        folder.mkdir(exist_ok=True)
        if uid is not None:
            os.chown(folder, uid, uid)
        if node.engine == "postgres" and not (folder / "data").exists():
            copy(template, folder / "data")
        options = {**node.options, **(node.options_of(settings) if node.options_of else {})}
        address = Address("127.0.0.1", free_port())
        engine = (
            registry[node.engine].engine_class().build(node.name, address, folder, "x", options)
        )
        for file, text in engine.launch().files.items():
            file.write_text(text)
        engines.append(engine)
    return engines


def started(engine: Engine, uid: int | None = None) -> Child:
    """The engine's server, just started; its files are there."""
    launch = engine.launch()
    return Child(
        Launch(
            name=engine.name,
            argv=launch.argv,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **launch.env},
            directory=engine.directory,
            uid=uid,
            stop_signal=launch.stop_signal,
        ),
        engine.directory / "log",
    )


def seconds_to_start(engines: list[Engine], uid: int | None) -> float:
    """Start these servers together; the seconds until the last of them has answered."""
    with contextlib.ExitStack() as running:
        began = time.perf_counter()
        for engine in engines:
            running.callback(started(engine, uid).stop)
            running.callback(engine.close)
        waiting = engines
        while waiting:
            if time.perf_counter() - began > START_S:
                raise CannotMeasure(f"The bare {waiting[0].name} did not answer")
            time.sleep(PAUSE_S)
            waiting = [engine for engine in waiting if not answers(engine)]
        return time.perf_counter() - began


def answers(engine: Engine) -> bool:
    """True if the engine's server is ready."""
    try:
        return engine.listens() and bool(engine.ready(0.5))
    except ServerDown:
        return False


def main() -> None:
    """Obey {"lab", "directory", "template", "uid"}, then a line that starts the servers."""
    orders = json.loads(sys.stdin.readline())
    engines = lay_out(
        orders["lab"], Path(orders["directory"]), Path(orders["template"]), orders["uid"]
    )
    warm_up()
    print(json.dumps("laid out"), flush=True)
    sys.stdin.readline()
    print(json.dumps(seconds_to_start(engines, orders["uid"])), flush=True)


if __name__ == "__main__":
    main()
