"""The glossary of the course: terms, what they mean, and where a text uses them.

Reads nothing itself: the loader hands it what `lessons/glossary.toml` holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_WORDS = 40
WORD = re.compile(r"[\w-]+")
Words = Annotated[str, Field(min_length=1)]
Report = Callable[[str, str], None]


class EntrySpec(BaseModel):
    """An entry as authors write it; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term: Words
    also: list[Words] = []
    not_in: list[Words] = []
    means: Words
    lesson: str = ""
    see: list[Words] = []
    common: bool = False


class GlossarySpec(BaseModel):
    """The file as authors write it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: list[EntrySpec] = []


@dataclass(frozen=True, slots=True)
class Entry:
    """A term, its other spellings, and what it means.

    `not_in` are phrases in which the word means something else. A `common` word stands in the
    glossary and isn't looked for in texts.
    """

    term: str
    means: str
    also: tuple[str, ...] = ()
    not_in: tuple[str, ...] = ()
    lesson: str = ""
    see: tuple[str, ...] = ()
    common: bool = False

    @property
    def anchor(self) -> str:
        """The term as an address of the glossary's page says it."""
        return re.sub(r"[^a-z0-9]+", "-", self.term.lower()).strip("-")

    @property
    def letter(self) -> str:
        """The letter that the page lists it under."""
        return self.term[0].upper() if self.term[0].isalpha() else "0–9"

    @property
    def spellings(self) -> tuple[str, ...]:
        """The term and what counts as the same."""
        return (self.term, *self.also)

    @property
    def other_names(self) -> tuple[str, ...]:
        """Of the other spellings those that are other words, not plurals and the like."""
        names = [self.term]
        for spelling in self.also:
            if not any(_alike(spelling, name) for name in names):
                names.append(spelling)
        return tuple(names[1:])


class Glossary:
    """All entries, in the order of the alphabet."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(
            sorted(entries, key=lambda entry: (entry.term[0].isalpha(), entry.term.casefold()))
        )

    def find(self, text: str) -> list[tuple[int, int, Entry]]:
        """The uses of terms in a plain text, as (start, end, entry).

        Whole words, the longest spelling first; capital letters count only in an acronym.
        """
        uses: list[tuple[int, int, Entry]] = []
        past = 0
        for word in WORD.finditer(text):
            if word.start() < past:
                continue
            for pattern, entry in self._phrases.get(word[0].casefold(), ()):
                if found := pattern.match(text, word.start()):
                    past = found.end()
                    if entry is not None:
                        uses.append((found.start(), past, entry))
                    break
        return uses

    def entry(self, term: str) -> Entry | None:
        """The entry of this term, or of another spelling of it."""
        return self._by_spelling.get(term.casefold())

    @cached_property
    def by_letter(self) -> Mapping[str, list[Entry]]:
        """The entries by the letter that they begin with."""
        letters: dict[str, list[Entry]] = {}
        for entry in self.entries:
            letters.setdefault(entry.letter, []).append(entry)
        return letters

    @cached_property
    def _by_spelling(self) -> Mapping[str, Entry]:
        return {
            spelling.casefold(): entry for entry in self.entries for spelling in entry.spellings
        }

    @cached_property
    def _phrases(self) -> Mapping[str, list[tuple[re.Pattern[str], Entry | None]]]:
        """By its first word: each spelling with its entry, and each phrase that only looks like one
        with None; the longest first.
        """
        phrases: list[tuple[str, Entry | None]] = []
        for entry in self.entries:
            phrases += [(phrase, None) for phrase in entry.not_in]
            if not entry.common:
                phrases += [(spelling, entry) for spelling in entry.spellings]
        by_word: dict[str, list[tuple[re.Pattern[str], Entry | None]]] = {}
        for phrase, meant in sorted(phrases, key=lambda phrase: -len(phrase[0])):
            if first := WORD.match(phrase):
                by_word.setdefault(first[0].casefold(), []).append((_pattern_of(phrase), meant))
        return by_word


def glossary_of(spec: GlossarySpec, lessons: Collection[str], report: Report) -> Glossary:
    """The glossary of this file; `report(term, text)` takes what is wrong with an entry."""
    entries: list[Entry] = []
    owners: dict[str, str] = {}
    for each in spec.entry:
        taken = [word for word in (each.term, *each.also) if word.casefold() in owners]
        for word in taken:
            report(each.term, f"“{word}” is there twice: see {owners[word.casefold()]}")
        if each.term in taken:
            continue
        owners |= {word.casefold(): each.term for word in (each.term, *each.also)}
        if not WORD.match(each.term):
            report(each.term, "a term begins with a letter or a digit")
            continue
        if (words := len(each.means.split())) > MOST_WORDS:
            report(each.term, f"`means` has {words} words, more than {MOST_WORDS}")
        if each.lesson and each.lesson not in lessons:
            report(each.term, f"there is no lesson {each.lesson}")
        entries.append(
            Entry(
                each.term,
                each.means,
                tuple(each.also),
                tuple(each.not_in),
                each.lesson,
                tuple(each.see),
                each.common,
            )
        )
    terms = {entry.term for entry in entries}
    anchors: dict[str, str] = {}
    for entry in entries:
        for other in entry.see:
            if other not in terms or other == entry.term:
                report(entry.term, f"`see` names {other}, which is no other term")
        if (first := anchors.setdefault(entry.anchor, entry.term)) != entry.term:
            report(entry.term, f"its anchor #{entry.anchor} is that of {first}")
    return Glossary(entries)


def _alike(one: str, other: str) -> bool:
    """True if only spaces or the end of the last word differ, as in a plural."""
    words, other_words = (re.split(r"[\s-]", name.casefold()) for name in (one, other))
    return words[-1][:3] == other_words[-1][:3] or "".join(words) == "".join(other_words)


def _pattern_of(phrase: str) -> re.Pattern[str]:
    """What matches this phrase with any space between its words."""
    words = r"\s+".join(
        re.escape(word) if _is_acronym(word) else f"(?i:{re.escape(word)})"
        for word in phrase.split()
    )
    return re.compile(rf"{words}(?![\w-])")


def _is_acronym(word: str) -> bool:
    """True if the word has a capital after its first character, or a digit after a capital."""
    return any(char.isupper() for char in word[1:]) or (
        word[0].isupper() and any(char.isdigit() for char in word)
    )
