"""The course page and the lessons, and how far a learner has read.

A stranger to quizzes, accounts and the bench.
"""
