"""Which lesson the start page leads to."""

from markupsafe import Markup

from portal.content.model import Lesson, Question
from portal.learn.memory import LessonMemory, Row, where_to_go_on

NOTHING = LessonMemory()


def row(number, memory=NOTHING):
    question = Question("q", "one", Markup("A question"), ())
    lesson = Lesson(f"l{number}", number, "", "", (), "", questions=(question,))
    return Row(lesson, memory, ())


def begun(at):
    return LessonMemory(section="here", last_at=at)


def learned(at):
    return LessonMemory(read=True, last_at=at, right=1)


def going_on(*rows):
    found = where_to_go_on({one.lesson.slug: one for one in rows})
    return found and found.lesson.number


def test_a_newcomer_has_no_place_yet():
    assert going_on(row(1), row(2)) is None


def test_the_lesson_that_was_worked_on_last_comes_first():
    assert going_on(row(1, begun(1)), row(2, begun(3)), row(3, begun(2))) == 2


def test_a_lesson_that_was_read_and_has_open_questions_is_not_done():
    assert going_on(row(1, LessonMemory(read=True, last_at=1)), row(2)) == 1


def test_after_a_learned_lesson_the_next_one_waits():
    assert going_on(row(1, learned(1)), row(3), row(4)) == 3


def test_at_the_end_an_earlier_lesson_waits_that_was_left_out():
    assert going_on(row(1), row(2, begun(1)), row(3, learned(2))) == 1


def test_when_all_is_learned_it_is_the_last_one():
    assert going_on(row(1, learned(1)), row(2, learned(2))) == 2
