"""What `lessons check` finds in lessons that can be read: words that are hard to read, claims
without a source, sections without something to do, two answers to one question of an exam.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from portal.content.glossary import Glossary
from portal.content.model import Course, Place, Problem
from portal.content.notes import Notes
from portal.content.plain_words import banned
from portal.content.prose import lines, passages, words

MOST_WORDS: Final = 240
"""Of a section's running text. 120 to 200 are what a reader takes in before doing something."""
REMEMBERED, MOST_WORDS_REMEMBERED = 5, 15
REMEMBER: Final = "What to remember"
NO_PROSE: Final = frozenset(
    {"id", "kind", "lab", "see", "facts", "prediction", "commands", "accepts"}
)
"""Keys of a question that hold no sentence of ours."""

EXPLAINED: Final = "]{.term}"
ELSEWHERE: Final = re.compile(r"`[^`]*`|\]\([^)]*\)|\{\{.*?\}\}|\[\^[^\]]*\]")
"""Code, addresses, figures and notes: no uses of a term."""


class Report(Protocol):
    """Takes a problem: the line or the question that it is in, and what is wrong."""

    def __call__(self, where: str, text: str) -> None: ...


def problems(folder: Path, course: Course) -> list[Problem]:
    """Everything that breaks a rule in the written lessons of this folder."""
    found: list[Problem] = []

    def report(file: str, where: str, text: str) -> None:
        found.append(Problem(Place(file, where), text))

    answers: dict[str, str] = {}
    terms = _TermsInOrder(course.glossary)
    for lesson in course.written:
        file = f"{lesson.slug}/lesson.md"
        text = (folder / file).read_text(encoding="utf-8")
        to_lesson = partial(report, file)
        _check_words(text, to_lesson)
        _check_sections(text, to_lesson)
        _check_remembered(text, to_lesson)
        _check_sources(text, to_lesson)
        _check_dates(text, to_lesson)
        _check_answers(text, answers, to_lesson)
        terms.read(file, text, to_lesson)
        file = f"{lesson.slug}/quiz.toml"
        _check_quiz_words((folder / file).read_text(encoding="utf-8"), partial(report, file))
    for entry in course.glossary.entries:
        for word, instead in banned(entry.means):
            report("glossary.toml", entry.term, f"“{word}”: {instead}")
    _check_notes(course.notes, answers, partial(report, "notes.toml"))
    return found


def _check_words(text: str, report: Report) -> None:
    for line in lines(text):
        if line.is_code or (line.opening and not line.opening.startswith("curious")):
            continue
        for word, instead in banned(line.text):
            report(f"line {line.number}", f"“{word}”: {instead}")


def _check_sections(text: str, report: Report) -> None:
    for passage in passages(text):
        where = f"line {passage.line}"
        if passage.running_words > MOST_WORDS:
            many = f"{passage.running_words} words, more than {MOST_WORDS}"
            report(where, f"the section “{passage.title}” has {many}: split it")
        if passage.title and passage.title != REMEMBER and not passage.tasks:
            report(where, f"the section “{passage.title}” has nothing to do in it")


def _check_remembered(text: str, report: Report) -> None:
    items = [
        (line.number, line.text)
        for line in lines(text)
        if line.inside == ("remember",) and re.match(r"\d+\. ", line.text)
    ]
    if len(items) != REMEMBERED:
        where = f"line {items[0][0]}" if items else ""
        report(where, f"there are {len(items)} things to remember, not {REMEMBERED}")
    for number, item in items:
        if (count := words(item.partition(". ")[2])) > MOST_WORDS_REMEMBERED:
            report(f"line {number}", f"it has {count} words: at most {MOST_WORDS_REMEMBERED}")


def _check_sources(text: str, report: Report) -> None:
    """A note leads to an address, or says that it is our own finding."""
    for line in lines(text):
        label, colon, note = line.text.partition("]: ")
        is_first = line.is_note and label.startswith("[^") and colon
        if is_first and "](https://" not in note and not note.startswith("Our "):
            report(f"line {line.number}", f"the note {label}] has no address to follow")


def _check_dates(text: str, report: Report) -> None:
    for line in lines(text):
        if line.opening.split()[:1] == ["today"] and not re.search(
            r'(since|checked)="', line.opening
        ):
            report(f"line {line.number}", 'a block today has since="…", checked="…" or both')


def _check_answers(text: str, answers: dict[str, str], report: Report) -> None:
    """Each exam block says on what fact it is and which answer an exam expects: one per fact, in
    all lessons. `answers` has those of the lessons before, and takes those of this one.
    """
    for line in lines(text):
        if line.opening.split()[:1] != ["exam"]:
            continue
        given = dict(re.findall(r'([a-z]+)="([^"]*)"', line.opening))
        if set(given) != {"fact", "answer"} or not re.fullmatch(r"[A-D]\d{1,2}", given["fact"]):
            report(f"line {line.number}", 'write ::: exam fact="A27" answer="write-through"')
            continue
        fact, answer = given["fact"], given["answer"]
        if (before := answers.setdefault(fact, answer)) != answer:
            known = f"an exam's answer on {fact} is “{answer}” here and “{before}” before"
            report(f"line {line.number}", known)


def _check_notes(notes: Notes, answers: dict[str, str], report: Report) -> None:
    """What the notes' page says is in plain words, and it gives an exam the answer that the lessons
    give it. `answers` has those.
    """
    for line in notes.lines:
        for word, instead in banned(f"{line.holds} {line.answer}"):
            report(line.fact, f"“{word}”: {instead}")
        if line.answer and (known := answers.get(line.fact, line.answer)) != line.answer:
            report(line.fact, f"an exam's answer is “{line.answer}” here and “{known}” in a lesson")


class _TermsInOrder:
    """The terms of the lessons read so far: a text that explains one comes before all its uses."""

    def __init__(self, glossary: Glossary) -> None:
        self._glossary = glossary
        self._used: dict[str, str] = {}
        """Where each term was first used, by the term."""
        self._explained: set[str] = set()

    def read(self, file: str, text: str, report: Report) -> None:
        """The next lesson: report each term that it explains, but that was used before."""
        for line in lines(text):
            if line.is_code or line.opening or line.is_note or "instructor" in line.inside:
                continue
            if line.text.startswith(("#", "alt:")):
                continue
            where = f"line {line.number}"
            for start, end, entry in self._glossary.find(ELSEWHERE.sub(_blank, line.text)):
                if not line.text[end:].startswith(EXPLAINED):
                    self._used.setdefault(entry.term, f"{file}, {where}")
                elif entry.term not in self._explained:
                    self._explained.add(entry.term)
                    if first := self._used.get(entry.term):
                        said = f"“{line.text[start:end]}” is explained here and used in {first}"
                        report(where, said)
            for term in re.findall(r"\[([^\]]*)" + re.escape(EXPLAINED), line.text):
                if self._glossary.entry(term) is None:
                    report(where, f"“{term}” is explained here, and glossary.toml has no such term")


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _check_quiz_words(text: str, report: Report) -> None:
    for question in tomllib.loads(text).get("question", []):
        prose = {name: value for name, value in question.items() if name not in NO_PROSE}
        for sentence in _sentences(prose):
            for word, instead in banned(sentence):
                report(str(question.get("id")), f"“{word}”: {instead}")


def _sentences(value: Any) -> Iterator[str]:
    """Every text in what TOML gave."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _sentences(inner)
        case list():
            for inner in value:
                yield from _sentences(inner)
