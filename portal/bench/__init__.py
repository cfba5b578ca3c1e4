"""The bench: a lab's live page.

Asks the labs' client and draws what it answers; never opens a connection to a lab server.
"""
