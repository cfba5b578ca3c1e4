"""The sample application's database: schema, rows, queries, and the prepared data directory that a
sandbox copies.
"""
