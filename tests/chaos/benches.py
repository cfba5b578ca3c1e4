"""What tests ask of the benches and the processes of a machine."""

from tests.processes import leaders, lives, named


def has_ended(process):
    return not lives(process)


def is_closed(machine, sandbox):
    return machine.status(sandbox) == "closed"


def feed_ends_with(machine, sandbox, reason):
    last = machine.client.events(sandbox)[-1].event
    return last.type == "sandbox-closed" and last.reason == reason


def zygotes(machine):
    return leaders(named(machine.family(), "cg-zygote"))


def agents(machine):
    return leaders(named(machine.family(), "cg-agent"))


def answers(machine, sandbox):
    answer = machine.client.call(sandbox, "console", server="cache", command="PING")
    return answer["output"] == "PONG"


def opens(machine, owner):
    """True as soon as a new bench of this owner is open, however often it takes."""
    info = machine.client.open("cache-aside", owner=owner)
    return machine.status(info.id) == "open" and answers(machine, info.id)
