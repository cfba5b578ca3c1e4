"""Invalidation: five ways to be rid of what is old, how long each leaves it standing, and what each
leaves behind.
"""

from labs.catalogue.invalidation.lab import LAB

__all__ = ["LAB"]
