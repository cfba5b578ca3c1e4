"""Write-through: whoever writes the database writes the cache.

What it cures, what a write costs, and what lies in memory unread.
"""

from labs.catalogue.write_through.lab import LAB

__all__ = ["LAB"]
