"""Durability: none, snapshots, an append-only file.

What a process crash takes, what a loss of power takes, and how long a start takes then.
"""

from labs.catalogue.durability.lab import LAB

__all__ = ["LAB"]
