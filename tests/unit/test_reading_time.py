"""How long a lesson takes: its text is counted, what there is to do is estimated."""

from markupsafe import Markup

from portal.content.model import CheckQuestion, Html, LabLink, Lesson, Predict


def lesson(words, *blocks):
    return Lesson("slug", 1, "", "", (), "", blocks=(Html(Markup("")), *blocks), words=words)


def test_a_text_is_read_at_180_words_a_minute():
    assert lesson(1_800).reading_minutes == 10
    assert lesson(1_800).minutes == 10
    assert lesson(3).reading_minutes == 1


def test_what_there_is_to_do_takes_time_of_its_own():
    found = lesson(
        1_800, LabLink("lab", "", {}, Markup("")), Predict("lab", "x"), CheckQuestion("y")
    )

    assert (found.reading_minutes, found.minutes) == (10, 16)
