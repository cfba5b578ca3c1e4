"""One client per protocol, with user, password and TLS as arguments.

A client asks one server and returns its answer. It starts nothing and knows no lab.
"""
