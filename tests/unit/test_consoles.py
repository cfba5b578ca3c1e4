"""The consoles of a sandbox, over doubles: none waits for another."""

import threading
from types import SimpleNamespace

from labs.fake.clients import FakeConsole
from labs.sandbox.consoles import Consoles
from tests.waiting import WITHIN_S, eventually


class SlowToClose(FakeConsole):
    """Closes when it is let: a command still runs in it."""

    closing, let = threading.Event(), threading.Event()

    def close(self):
        self.closing.set()
        self.let.wait(WITHIN_S)


def a_server(address):
    return SimpleNamespace(
        state="up",
        engine=SimpleNamespace(kind="redis", address=address, access=lambda user: user),
    )


def test_a_console_that_is_slow_to_close_holds_up_no_other():
    servers = {"first": a_server(1), "second": a_server(2)}
    kinds = {"first": SlowToClose, "second": FakeConsole}
    context = SimpleNamespace(
        servers=servers,
        topology=SimpleNamespace(node=lambda name: SimpleNamespace(has_console=True)),
        doubles=SimpleNamespace(console=lambda name, is_up: kinds[name](name, is_up)),
        emit=lambda event: None,
        say=lambda sentence: None,
    )
    consoles, answered = Consoles(context), []
    consoles.run("first", "PING")
    servers["first"] = a_server(3)

    def run(name):
        consoles.run(name, "PING")
        answered.append(name)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second")]
    threads[0].start()
    assert SlowToClose.closing.wait(WITHIN_S)
    threads[1].start()

    eventually(lambda: answered)
    SlowToClose.let.set()
    for thread in threads:
        thread.join(WITHIN_S)

    assert answered == ["second", "first"]
