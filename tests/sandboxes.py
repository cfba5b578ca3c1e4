"""What tests of open sandboxes share: a sandbox with everything that it emitted."""


class Opened:
    """A sandbox of a lab with everything that it emitted."""

    def __init__(self, supervisor, lab, settings=None):
        self.supervisor = supervisor
        self.told = []
        self.gone = []
        self.id = supervisor.open(
            lab,
            settings or {},
            on_event=lambda entry: self.told.append(entry.event),
            on_gone=self.gone.append,
        )

    def call(self, call, **args):
        return self.supervisor.call(self.id, call, **args)

    def server(self, verb, name):
        return self.call("server", name=name, verb=verb)

    def console(self, server, command):
        return self.call("console", server=server, command=command)["output"]

    def act(self, name, **fields):
        return self.call("action", name=name, fields=fields)["message"]

    def table(self, name):
        """The newest rows of a table."""
        tables = [event for event in self.told if event.type == "table-changed"]
        return next((event.rows for event in reversed(tables) if event.table == name), [])

    def status(self, check):
        """The newest status of a check; None if it was never judged."""
        checks = [event for event in self.told if event.type == "check-changed"]
        return next((event.status for event in reversed(checks) if event.check == check), None)

    def states(self, name):
        """The states that a server went through."""
        return [
            event.state
            for event in self.told
            if event.type == "server-changed" and event.server == name
        ]

    def end(self):
        self.supervisor.end(self.id, "the test is over")
