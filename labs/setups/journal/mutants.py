"""Writers with a mistake, each of which its check must catch."""


def write_counts_too_soon(server, journal, number):
    """Counts a number as soon as it has been sent, acknowledged or not."""
    server.post("SET", f"write:{number}", "0")
    journal.acknowledge(number)
    return "OK"
