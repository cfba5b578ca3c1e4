"""Writers that are wrong on purpose: each must be caught at its check."""


def write_counts_too_soon(server, journal, number):
    """Counts a number when it has been sent, whatever becomes of it."""
    server.post("SET", f"write:{number}", "0")
    journal.acknowledge(number)
    return "OK"
