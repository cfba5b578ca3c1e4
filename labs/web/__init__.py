"""A small web shop and the balancer in front of it, as programs that a sandbox starts: real
processes, real HTTP.

Law of this folder: the standard library, labs.caching.sessions and nothing else, for each program
has to answer within 200 ms of its start. start.py starts them.
"""
