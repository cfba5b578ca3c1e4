"""What the site knows of a learner, and how to take it elsewhere or have it forgotten.

A stranger to learn, quizzes and the bench.
"""
