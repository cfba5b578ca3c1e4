"""How the recorder says that it runs: a key of the portal Redis that it sets again each second.

The operator may count on the portal having keys below `cache:` and `labs:` only.
"""

RECORDS = "cache:recorder"
RECORDS_S = 10
"""It is gone so long after the recorder's last sign of life."""
