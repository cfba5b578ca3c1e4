"""The page with every line of the exam notes and what became of it.

A stranger to learn, quizzes and the bench: they link to it by its address.
"""
