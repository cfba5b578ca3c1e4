"""Database relief: what a cache takes off a read-heavy database, with either engine, at the same
offered load.
"""

from labs.catalogue.database_relief.lab import LAB

__all__ = ["LAB"]
