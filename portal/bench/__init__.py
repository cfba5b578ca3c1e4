"""The bench: a lab's live page.

Asks the labs' front desk and draws what it answers; never opens a connection to a lab server.
"""
