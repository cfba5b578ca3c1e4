"""Every part of a whole site, killed with -9 under learners who answer and open benches: what was
acknowledged is stored, a bench opens again, nothing is left.
"""

from scripts.repeated_kills import PARTS, run


def test_no_answer_is_lost_and_no_process_is_left():
    lines = []

    found = run(PARTS, lines.append)

    assert [killed.problem for killed in found] == [""] * len(PARTS), "\n".join(lines)
    assert all(killed.acknowledged for killed in found)
