"""Measurement: histograms, the metrics' names and formulas.

Pure; the counters live with the engines.
"""
