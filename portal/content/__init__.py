"""The lessons, read once into frozen objects.

All problems are collected, each with its file and place; nothing here raises for a bad lesson.
"""

from portal.content.loading import load
from portal.content.model import (
    PLAIN,
    Block,
    CheckQuestion,
    Course,
    Figure,
    Html,
    Instructor,
    LabLink,
    Lesson,
    Measured,
    Option,
    Part,
    Place,
    Predict,
    Problem,
    Question,
    RunSnippet,
    Section,
)

__all__ = [
    "PLAIN",
    "Block",
    "CheckQuestion",
    "Course",
    "Figure",
    "Html",
    "Instructor",
    "LabLink",
    "Lesson",
    "Measured",
    "Option",
    "Part",
    "Place",
    "Predict",
    "Problem",
    "Question",
    "RunSnippet",
    "Section",
    "load",
]
