"""Read replicas: reads spread over servers that are always a little behind.

Who answers, how far behind, and who sees it.
"""

from labs.catalogue.read_replicas.lab import LAB

__all__ = ["LAB"]
