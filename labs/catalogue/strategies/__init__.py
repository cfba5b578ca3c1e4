"""Five strategies, one after the other, on the same servers with the same seeded trace: what each
gives, and what it costs.
"""

from labs.catalogue.strategies.lab import LAB

__all__ = ["LAB"]
