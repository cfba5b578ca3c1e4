"""Cache-aside: ask the cache, on a miss ask the database and store.

What goes stale, what cures it, and what a dead cache costs.
"""

from labs.catalogue.cache_aside.lab import LAB

__all__ = ["LAB"]
