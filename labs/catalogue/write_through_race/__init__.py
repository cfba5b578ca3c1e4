"""Write-through race: which orders of steps leave stale data in the cache, and which cures survive
all of them.
"""

from labs.catalogue.write_through_race.lab import LAB

__all__ = ["LAB"]
