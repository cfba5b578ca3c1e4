"""The engines of the labs: what each needs to be started, how it is asked whether it is ready, what
it counts. Starts nothing.

One module for each engine; labs.engines.registry knows them all without importing one.
"""
