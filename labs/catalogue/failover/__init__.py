"""Failover: a primary dies, a replica takes its place, the endpoint moves.

What clients see meanwhile, and what of the acknowledged is lost.
"""

from labs.catalogue.failover.lab import LAB

__all__ = ["LAB"]
