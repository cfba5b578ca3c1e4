"""Every lab's guide names controls that exist and leads to every check, in their order."""

import re
from dataclasses import replace

import pytest

from labs.catalogue import catalogue
from labs.errors import BadInput
from labs.lab import Step, goals, use_of
from labs.lab.guide import choose, link, predict, press, server, step

MOST_WORDS = 10
GUIDED = {lab.id: lab for lab in catalogue().values() if lab.guide}


def test_every_lab_has_a_guide():
    assert set(GUIDED) == set(catalogue())


@pytest.fixture(params=sorted(GUIDED))
def lab(request):
    return GUIDED[request.param]


def test_a_guide_leads_to_every_check_in_their_order(lab):
    led_to = [one.until.name for one in lab.guide if one.until in lab.checks]

    assert led_to == [check.name for check in lab.checks]
    assert lab.guide[-1].until in lab.checks


def test_every_step_names_a_control_of_its_lab(lab):
    for one in lab.guide:
        assert use_of(lab, one.use).key == one.use.key


def test_a_step_without_a_check_ends_with_what_it_names(lab):
    for one in lab.guide:
        assert one.until is not None or one.use.kind not in ("", "console"), one.do


def test_a_step_is_an_imperative_of_few_words(lab):
    for one in lab.guide:
        assert len(one.do.split()) <= MOST_WORDS, one.do
        assert re.fullmatch(r"[A-Z].*\.", one.do), one.do
        assert re.fullmatch(r"[A-Z].*[.?]", one.why), one.why


def test_a_control_is_named_by_the_label_that_the_page_shows(lab):
    labels = {use_of(lab, one.use).label for one in lab.guide if one.use.kind == "action"}

    assert labels <= {action.label for action in lab.actions}


@pytest.mark.parametrize(
    "target",
    [
        press("no-such-action"),
        press("read", no_such_field=1),
        press("read", item="x"),
        choose("no_such_setting", 1),
        choose("ttl_s", "x"),
        server("no-such-server", "kill"),
        link("no-such-link", "cut"),
        predict("no-such-prediction"),
    ],
)
def test_a_target_that_the_lab_does_not_have_is_refused(target):
    with pytest.raises(BadInput):
        use_of(GUIDED["cache-aside"], target)


def test_a_target_reads_as_a_sentence():
    lab = GUIDED["cache-aside"]

    def said(target):
        use = use_of(lab, target)
        return f"{use.before} {use.label}{use.after}"

    assert said(press("read", item=7)) == "Set Item 7, then press Read it."
    assert said(choose("ttl_s", 10)) == "Set Time to live to 10 s."
    assert said(server("cache", "kill")) == "At cache, press Kill."
    assert said(step("start", function="read", key=7)).startswith("Choose ")


def test_each_step_leads_to_the_next_check_of_the_lab():
    first, second, *_ = GUIDED["cache-aside"].checks
    before = replace(first, name="before", claim="Only the guide asks this.")
    steps = (
        Step("One.", press("read"), "Why.", until=before),
        Step("Two.", press("read"), "Why."),
        Step("Three.", press("read"), "Why.", until=first),
        Step("Four.", press("read"), "Why.", until=second),
    )

    led_to = goals(replace(GUIDED["cache-aside"], guide=steps))

    assert led_to == [first, first, first, second]
