"""Sessions: a shop that anybody can be served by.

Who stays logged in when an instance dies, a cache restarts or time runs out, and who does not.
"""

from labs.catalogue.sessions.lab import LAB

__all__ = ["LAB"]
