"""The page /notes: every line of the exam notes, with an anchor of its own."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.content.dates import in_words
from portal.content.notes import Verdict
from portal.web.services import course

bp = Blueprint("notes", __name__)


@bp.get("/notes")
def notes() -> str:
    """All lines in the order of the notes, with verdicts, sources and lessons."""
    return render_template(
        "notes/notes.html",
        place="course",
        notes=course().notes,
        course=course(),
        verdicts=Verdict,
        in_words=in_words,
    )
