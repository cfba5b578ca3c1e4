"""Runs the whole site on one machine: its own Postgres and Redis, the labs host, the recorder, the
web. Knows no page and no lab.
"""
