"""One client per protocol, with user, password and TLS as arguments.

A client asks one server and says what it answered. It starts nothing and knows no lab.
"""
