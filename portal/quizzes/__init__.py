"""The questions of the lessons: asked, answered, explained.

A stranger to learn, accounts and the bench.
"""
