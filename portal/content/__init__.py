"""The lessons, read once into frozen objects.

All problems are collected, each with its file and place; nothing here raises for a bad lesson.
"""
