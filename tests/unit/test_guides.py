"""Every lab's guide names controls that exist and leads to every check, in their order."""

import re
from dataclasses import replace

import pytest

from labs.catalogue import catalogue
from labs.errors import BadInput
from labs.lab import Step, goals, use_of
from labs.lab.guide import choose, link, predict, press, server, step

MOST_WORDS = 10
MOST_WORDS_OF_A_REASON = 20
MOST_WORDS_OF_A_USE = 24
IMPERATIVES = frozenset(
    "Add Append Ask Bring Change Choose Compare Count Crash Cut Delete Empty Fill Follow Give "
    "Guess Keep Kill Let Log Look Make Measure Open Play Put Read Reload Remove Repair Replace "
    "Restart Restore Run Send Set Slow Start Stop Tag Take Time Try Turn Wait Watch Write".split()
)
NOT_OF_MACHINES = re.compile(
    r"\b(told|tells?|hears?|heard|knows?|wants?|believes?|forgets?|forgotten|owes?|nobody|whoever|"
    r"anew|so many)\b",
    re.IGNORECASE,
)
AT_ONCE = (
    ("durability", "run-all", "crash"),
    ("durability", "run-all", "snapshot"),
    ("durability", "time-starts", "come-back"),
    ("eviction", "compare", "batch-job"),
    ("invalidation", "measure-all", "measure-one"),
    ("read-replicas", "own-reads", "follow"),
    ("strategies", "asks-least", "try-one"),
    ("write-through", "count-keys", "unread"),
    ("write-through-race", "run-all", "play"),
)
"""A lab, what does much at once there, and what does a part of that by hand or asks for a
prediction.
"""
BY_HAND = {("strategies", "try-one"), ("invalidation", "measure-one")}
USUAL_DEADLINE_S = 12.0
GUIDED = {lab.id: lab for lab in catalogue().values() if lab.guide}


def test_every_lab_has_a_guide():
    assert set(GUIDED) == set(catalogue())


@pytest.fixture(params=sorted(GUIDED))
def lab(request):
    return GUIDED[request.param]


def sentences(text):
    return re.split(r"(?<=[.?!]) (?=[A-Z“])", text)


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
    wrong = [
        one.do
        for one in lab.guide
        if len(one.do.split()) > MOST_WORDS
        or one.do.split()[0].rstrip(",.") not in IMPERATIVES
        or sentences(one.do) != [one.do]
    ]

    assert wrong == []


def test_why_a_step_mattered_is_one_short_sentence(lab):
    wrong = [
        one.why
        for one in lab.guide
        if sentences(one.why) != [one.why] or len(one.why.split()) > MOST_WORDS_OF_A_REASON
    ]

    assert wrong == []


def test_what_to_do_is_short_sentences(lab):
    said = [
        f"{use.before} {use.label}{use.after}" if use.before else "Press nothing here."
        for use in (use_of(lab, one.use) for one in lab.guide)
    ]
    how = [sentence for one in lab.guide if one.how for sentence in sentences(one.how)]

    assert [one for one in said if len(one.split()) > MOST_WORDS_OF_A_USE] == []
    assert [one for one in how if len(one.split()) > MOST_WORDS_OF_A_REASON] == []
    assert [one for one in (*said, *how) if not re.fullmatch(r"[A-Z“].*\.", one)] == []


def test_the_words_of_a_guide_are_plain(lab):
    wrong = [
        (found[0], text)
        for one in lab.guide
        for text in (one.do, one.how, one.why, one.until.claim if one.until else "")
        if (found := NOT_OF_MACHINES.search(text))
    ]

    assert wrong == []


def test_what_does_much_at_once_comes_after_one_by_hand_or_a_prediction():
    for name, at_once, by_hand in AT_ONCE:
        used = [step.use.name for step in GUIDED[name].guide]

        assert used.index(by_hand) < used.index(at_once), name


def test_an_action_that_has_the_sandbox_to_itself_for_long_is_named_above():
    """A new one asks for a place in the guide: after one by hand, or after a prediction."""
    long = {
        (lab.id, action.name)
        for lab in GUIDED.values()
        for action in lab.actions
        if action.measures
        and action.deadline_s > USUAL_DEADLINE_S
        and action.name in {step.use.name for step in lab.guide}
    }

    assert long <= {(name, at_once) for name, at_once, _ in AT_ONCE} | BY_HAND


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

    assert said(press("read", item=7)) == "Set “Item” to 7, then press Read it."
    assert said(press("read", item=42)) == "With “Item” at 42, press Read it."
    assert said(press("change-price", item=42, price=5)) == (
        "With “Item” at 42, set “New price” to 5, then press Change the price."
    )
    assert said(choose("ttl_s", 10)) == "Set Time to live to 10 s."
    lab = GUIDED["backup-restore"]
    assert said(choose("rate_per_s", 4_000)) == "Set Changes wanted to 4,000/s."
    lab = GUIDED["cache-aside"]
    assert said(choose("engine", "memcached")) == "Set Engine to “Memcached”."
    assert said(server("cache", "kill")) == "At “cache” press Kill."
    assert said(step("start", key=7)) == "Set “Item” to 7, then press Start a request."
    assert said(step("next")) == "Press Next line."


def test_a_button_that_each_browser_has_is_named_with_its_place():
    lab = GUIDED["sessions"]
    said = [
        f"{use.before} {use.label}{use.after}"
        for use in (use_of(lab, one.use) for one in lab.guide if one.use.kind == "action")
    ]

    assert said[:2] == [
        "In Mia’s browser, with “Item” at “teapot”, press Add to the cart.",
        "In Mia’s browser, press Log in.",
    ]


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
