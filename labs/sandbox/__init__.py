"""One learner's open lab: an agent, its real servers, its state.

Everything here is thrown away with it.
"""
