"""How the recorder says that it runs: a key of the portal Redis that it sets again each second."""

RECORDS = "recorder:runs"
RECORDS_S = 10
"""It is gone so long after the recorder's last sign of life."""
