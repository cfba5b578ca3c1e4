"""The measurements behind docs/measurements.md, one module each.

Each starts what it needs, ends it, and touches no other site.
"""
