"""A client that writes numbers, and remembers for which of them the server answered."""

import time


def write(server, journal, number):
    reply = server.command("SET", f"write:{number}", f"{time.time():.3f}")
    if reply == "OK":  # the server has answered: from here on somebody relies on it
        journal.acknowledge(number)
    return reply


def find(server, number):
    return server.command("GET", f"write:{number}")  # None: acknowledged or not, it is gone
