"""The bench's own arithmetic and text: a wrong percentile or a bound read the wrong way would be
believed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.benchmarks import __main__ as bench
from scripts.benchmarks.bare import app, text
from scripts.benchmarks.context import Context
from scripts.benchmarks.figures import (
    CannotMeasure,
    NotInstalled,
    Row,
    at_least,
    at_most,
    digits,
    median,
    percentile,
    plain,
    under,
)
from scripts.benchmarks.learner import _AGAIN, _SANDBOX
from scripts.benchmarks.lighthouse import VERSION, Kind, find_lighthouse, row_of
from scripts.benchmarks.listeners import Reader, problem_of
from scripts.benchmarks.load import at, benchmark_says
from scripts.benchmarks.memory import pss_and_uss
from scripts.benchmarks.table import Section, page, report


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([5, 1, 4, 2, 3], 50) == 3
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([7], 99) == 7


def test_the_median_of_an_even_number_lies_between():
    assert median([4, 1, 3, 2]) == 2.5
    assert median([3, 1, 2]) == 2


@pytest.mark.parametrize(
    "figure", [lambda: median([]), lambda: percentile([], 50), lambda: at([], 50)]
)
def test_nothing_measured_is_no_figure(figure):
    with pytest.raises(CannotMeasure):
        figure()


def test_a_percentile_of_counted_microseconds_is_that_of_all_calls():
    assert at([(10, 60), (20, 39), (90, 1)], 50) == 10
    assert at([(10, 60), (20, 39), (90, 1)], 99) == 20


def test_bounds_are_read_the_right_way():
    assert at_most("x", 2.0, "times", 2.0).holds
    assert not at_most("x", 2.01, "times", 2.0).holds
    assert not under("x", 250.0, "ms", 250.0).holds
    assert under("x", 249.9, "ms", 250.0).holds
    assert at_least("x", 100.0, "", 100.0).holds
    assert not at_least("x", 99.0, "", 100.0).holds
    assert plain("x", 1.0, "s").holds is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.12345, "0.123"), (9.876, "9.88"), (42.25, "42.2"), (1234.6, "1,235")],
)
def test_numbers_are_shown_in_three_digits(value, shown):
    assert digits(value) == shown


def test_the_report_says_what_fails_and_what_is_missing():
    sections = [
        Section(
            "page",
            "about pages",
            [at_most("ratio", 2.5, "times", 2.0, "of 5"), plain("p50", 3.0, "ms")],
        ),
        Section("load", "about the load", problem="redis-benchmark is not installed"),
    ]

    text = report({"date": "today"}, sections)

    assert "ratio  2.50 times  at most 2 times  FAILS  of 5" in text
    assert "could not be measured: redis-benchmark is not installed" in text
    assert text.endswith("0 of 1 bounds hold; these fail: ratio; not measured: load.")


def test_the_page_says_the_same_in_a_table():
    sections = [
        Section(
            "page", "about pages", [at_most("  ratio", 2.5, "times", 2.0, "a | b")], seconds=120.0
        ),
        Section("load", "about the load", problem="nothing there"),
    ]

    text = page({"date": "today"}, sections, "scripts/bench --quick")

    assert "Written by `scripts/bench --quick` in 2 minutes" in text
    assert "\n| date | today |\n" in text
    assert "\n| ratio | 2.50 times | at most 2 times | FAILS | a \\| b |\n" in text
    assert "## Load\n\nAbout the load.\n\nCould not be measured: nothing there" in text


def test_redis_benchmark_is_understood():
    said = (
        "WARNING: Could not fetch server "
        'CONFIG\n"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n'
        '"GET","85106.38","0.009","0.000","0.015","0.023","0.031","1.503"\n'
    )

    assert benchmark_says(said) == (15.0, 31.0, 85106.38)
    with pytest.raises(CannotMeasure, match="NOAUTH"):
        benchmark_says("", "NOAUTH Authentication required.")


def test_a_reader_finds_events_in_pieces_of_any_size():
    stream = (
        b'HTTP/1.1 200 OK\r\n\r\n5\r\nretry: 900\nevent: hello\ndata: {"after": 0}\n\n'
        b'id: 1\ndata: {"text":"a quoted '
        b'\\"at\\":5","seq":1,"at":17.25,"type":"note-added"}\n\nid: 2\ndata: {"seq": 2, "at": '
        b'18.5, "type": "note-added"}\n\n: beat\n\n'
        b'event: resync\ndata: {"after": 2}\n\nevent: bye\ndata: {"reason": "closed"}\n\n'
    )
    for size in (1, 7, 10_000):
        reader = Reader()
        for start in range(0, len(stream), size):
            reader.take(stream[start : start + size])

        assert reader.moments == [17.25, 18.5]
        assert (reader.greeted, reader.ended) == (True, True)


def test_a_refused_stream_has_not_begun():
    reader = Reader()

    reader.take(b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nContent-Length: 3\r\n\r\nno\n")

    assert not reader.greeted
    assert (reader.status, reader.answer) == ("503", "HTTP/1.1 503 SERVICE UNAVAILABLE, no")


def test_an_error_page_with_empty_lines_is_no_stream():
    refused, accepted = Reader(), Reader()

    refused.take(b"HTTP/1.1 503 SERVICE UNAVAIL")
    refused.take(b"ABLE\r\n\r\n<html>\n\n<p>event: hello</p>\n\n</html>\n")
    accepted.take(b"HTTP/1.1 200 OK\r\n\r\nretry: 900\nevent: hello\ndata: {}\n\n")

    assert (refused.greeted, accepted.greeted) == (False, True)
    assert problem_of([refused, accepted, Reader(ended=True), Reader()]) == (
        "3 of 4 streams did not begin: 1 × HTTP/1.1 503 SERVICE UNAVAILABLE, "
        "<html> <p>event: hello</p> </html>, 1 × closed without an answer, 1 × no answer"
    )


def test_memory_is_read_from_the_kernels_sums():
    rollup = (
        "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 500 kB\nPss_Anon: 1 "
        "kB\nShared_Clean: 7 kB\nPrivate_Clean: 100 kB\nPrivate_Dirty: 200 kB\n"
    )

    assert pss_and_uss(rollup) == (500 * 1024, 300 * 1024)


@pytest.mark.parametrize("size", [10_000, 40_000, 200_000])
def test_the_bare_page_is_as_large_as_it_should_be(size, monkeypatch):
    monkeypatch.setattr("scripts.benchmarks.bare.TEXT", text(size))

    page = app.test_client().get("/").data

    assert len(page) == pytest.approx(size, rel=0.05)


def test_the_page_that_waits_for_its_sandbox_is_asked_for_again():
    waiting = (
        b'<cg-bench class="bench"\n  data-phase="opening" '
        b'data-redraw="/labs/a/bench?gear=step&amp;on=lesson"\n data-ask="200">'
    )
    there = (
        b'<cg-bench class="bench" data-phase="open" data-sandbox="'
        + b"0a" * 16
        + b'" data-seq="4">'
    )

    assert _AGAIN.search(waiting).groups() == (b"/labs/a/bench?gear=step&amp;on=lesson", b"200")
    assert _SANDBOX.search(waiting) is None
    assert _SANDBOX.search(there)[1] == b"0a" * 16
    assert _AGAIN.search(there) is None


def test_a_measurement_that_can_not_be_made_keeps_no_other_from_being_made(
    monkeypatch, capsys, tmp_path
):
    def breaks(context: Context):
        yield plain("before it broke", 1.0, "s")
        raise CannotMeasure("there is no such thing here")

    def works(context: Context):
        yield Row("works", 2.0, "s")

    monkeypatch.setattr(
        bench, "MEASUREMENTS", {"breaks": ("about it", breaks), "works": ("about it", works)}
    )

    code = bench.main(["--json", str(tmp_path / "found.json")])

    said, found = capsys.readouterr().out, json.loads((tmp_path / "found.json").read_text())
    assert code == 1
    assert "before it broke" in said and "there is no such thing here" in said
    assert found["measurements"]["works"]["rows"][0]["value"] == 2.0
    assert found["measurements"]["breaks"]["problem"] == "there is no such thing here"


def test_a_bound_that_fails_is_no_failure_to_measure(monkeypatch, capsys):
    monkeypatch.setattr(
        bench,
        "MEASUREMENTS",
        {"slow": ("about it", lambda context: iter([at_most("slow", 9.0, "s", 1.0)]))},
    )

    assert bench.main(["slow"]) == 0
    assert "FAILS" in capsys.readouterr().out


def test_what_is_not_installed_is_skipped_with_a_sentence(monkeypatch, capsys):
    def lacks(context: Context):
        raise NotInstalled("Lighthouse is not installed. “npm install” brings it")

    monkeypatch.setattr(bench, "MEASUREMENTS", {"scores": ("about it", lacks)})

    assert bench.main(["scores"]) == 0
    assert "skipped: Lighthouse is not installed. “npm install” brings it." in (
        capsys.readouterr().out
    )


def test_another_version_of_lighthouse_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "node").write_text("")
    (tmp_path / "node").chmod(0o755)
    with pytest.raises(NotInstalled, match=f"is not installed. .*lighthouse@{VERSION}"):
        find_lighthouse(tmp_path / "nowhere")

    program = tmp_path / "lighthouse"
    program.write_text("#!/bin/sh\necho 1.2.3\n")
    program.chmod(0o755)
    with pytest.raises(NotInstalled, match=r"here is 1\.2\.3"):
        find_lighthouse(tmp_path / "nowhere")

    program.write_text(f"#!/bin/sh\necho {VERSION}\n")
    assert find_lighthouse(tmp_path / "nowhere") == program


def test_the_lowest_of_the_four_scores_counts_and_what_cost_points_is_named():
    def run(performance: float) -> dict[str, Any]:
        parts = [{"id": "first-contentful-paint", "weight": 10}, {"id": "hint", "weight": 0}]
        whole = {"score": 1, "auditRefs": []}
        return {
            "categories": {
                "performance": {"score": performance, "auditRefs": parts},
                "accessibility": whole,
                "best-practices": whole,
            },
            "audits": {
                "first-contentful-paint": {"score": 0.9, "numericValue": 1234.5},
                "largest-contentful-paint": {"numericValue": 2000},
                "total-blocking-time": {"numericValue": 0},
                "speed-index": {"numericValue": 1300},
                "cumulative-layout-shift": {"numericValue": 0.0123},
                "hint": {"score": 0, "numericValue": 1},
            },
        }

    kind = Kind("flight", "/flights/x", without=("seo",), why="it has a reason")

    row = row_of(kind, [run(0.98), run(0.97), run(1.0)])

    assert (row.value, row.holds, row.bound) == (98, False, "at least 100")
    assert row.note == (
        " 98 100 100   –; FCP 1234 ms, LCP 2000 ms, TBT 0 ms, SI 1300 ms, CLS 0.012; "
        "points lost: performance: first-contentful-paint; it has a reason"
    )


def test_an_unknown_measurement_is_named(capsys):
    with pytest.raises(SystemExit):
        bench.main(["colour"])

    assert "There is no measurement colour. There are ready, page, open" in capsys.readouterr().err


def test_every_lab_that_is_opened_is_there():
    from labs.client import catalogue
    from scripts.benchmarks.opening import LABS

    assert set(LABS) <= set(catalogue())
