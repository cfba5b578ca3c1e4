"""The line that is lit is the line that runs."""

import contextlib
import threading

import pytest

from labs.caching import cache_aside
from labs.errors import NotNow
from labs.sandbox.stepper import Stepper
from labs.source import source_of


def short(items):
    total = 0
    for item in items:
        total += sum(
            [item, 1],
        )
    return total


@contextlib.contextmanager
def quiet_threads():
    before, threading.excepthook = threading.excepthook, lambda *_: None
    yield
    threading.excepthook = before


def step_through(function, *args):
    lines, results = [], []
    stepper = Stepper(on_line=lambda line, last: lines.append((line, last)))
    stepper.start(function, lambda: results.append(function(*args)))
    for _ in range(100):
        if not stepper.running:
            break
        stepper.next()
    return lines, results


def test_statements_are_lit_in_the_order_in_which_they_run():
    lines, results = step_through(short, [10, 20])

    assert results == [32]
    assert lines == [(2, 2), (3, 3), (4, 6), (3, 3), (4, 6), (3, 3), (7, 7)]


def test_a_statement_over_several_lines_is_one():
    assert source_of(short).statements[5] == (4, 6)


def test_the_text_that_is_shown_is_the_file_as_it_stands():
    source = source_of(cache_aside.read)

    assert source.path == "labs/caching/cache_aside.py"
    text = (source_of.__wrapped__.__globals__["ROOT"] / source.path).read_text().splitlines()
    assert (
        list(source.lines)
        == text[source.first_line - 1 : source.first_line - 1 + len(source.lines)]
    )


def test_one_request_stands_at_a_time():
    stepper = Stepper(on_line=lambda *_: None)
    stepper.start(short, lambda: short([1]))

    with pytest.raises(NotNow):
        stepper.start(short, lambda: short([1]))

    stepper.finish()
    assert not stepper.running


def test_next_without_a_request_says_so():
    with pytest.raises(NotNow, match="No request"):
        Stepper(on_line=lambda *_: None).next()


def test_other_threads_are_not_traced():
    lines = []
    stepper = Stepper(on_line=lambda line, last: lines.append(line))
    stepper.start(short, lambda: short([1]))

    thread = threading.Thread(target=short, args=([1, 2, 3],))
    thread.start()
    thread.join(timeout=5)

    assert lines == [2]
    stepper.finish()


def test_a_request_that_raises_is_over():
    def fails():
        short([1])
        raise RuntimeError("on purpose")

    stepper = Stepper(on_line=lambda *_: None)
    with quiet_threads():
        stepper.start(short, fails)
        stepper.finish()

    assert not stepper.running
