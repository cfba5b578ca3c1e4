"""The page with every term of the course.

A stranger to learn, quizzes and the bench: they link to it by its address.
"""
