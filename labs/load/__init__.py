"""The workload: shape (when), keys (what), workers (who).

Worker processes exist only while the load runs.

Open loop: arrivals follow a schedule, and a late request is still counted from when it should have
begun.
"""
