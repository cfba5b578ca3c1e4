"""The guide's strip: one step at a time, its control lit in its tab, and nothing in the way."""

import re

from playwright.sync_api import expect

from labs.catalogue import catalogue
from labs.events import GuideMoved
from tests.browser.groups import tell


def at(page, words):
    """The line of the guide, if it begins like this."""
    return page.locator("cg-guide .guide-now").filter(has_text=words)


def lit(page, name):
    return (
        page.locator(".lit")
        .get_by_text(name, exact=True)
        .or_(page.get_by_role("button", name=name, exact=True).and_(page.locator(".lit")))
    )


def shown_reasons(page):
    """The reasons that the strip shows, of the steps that ended last."""
    return page.locator("cg-guide [data-why]:visible")


def test_the_first_step_is_shown_and_its_control_is_lit(bench):
    page = bench()

    expect(at(page, "Check 1 of 5 · Read item 42.")).to_be_visible()
    expect(page.get_by_text("Do this").locator("visible=true")).to_be_visible()
    expect(lit(page, "Read it")).to_have_attribute("data-step-no", "1")
    expect(page.locator(".lit")).to_have_count(1)


def test_a_step_that_is_done_is_ticked_and_the_next_one_leads(bench):
    page = bench()

    page.locator(".lit").click()

    expect(at(page, "Check 2 of 5 · Read item 42 a second time.")).to_be_visible()
    expect(page.locator('[data-step-mark="1"]')).to_have_attribute("data-state", "done")
    expect(shown_reasons(page)).to_have_count(1)
    expect(shown_reasons(page)).to_contain_text("Check 1 is met. The cache was empty")


def test_a_folded_strip_says_why_the_last_step_mattered(bench):
    page = bench()
    page.get_by_text("Fold away").click()
    strip = page.locator("cg-guide")
    before = strip.bounding_box()

    tell(page, GuideMoved(current=1, done=[0]))

    expect(shown_reasons(page)).to_contain_text("Check 1 is met. The cache was empty")
    assert strip.bounding_box() == before


def test_steps_that_end_together_say_all_their_reasons(bench):
    page = bench("failover", viewport={"width": 1280, "height": 900})
    strip = page.locator("cg-guide")

    for done in (1, 2, 3, 4):
        tell(page, GuideMoved(current=done, done=list(range(done))))
    expect(at(page, "Check 4 of 8")).to_be_visible()

    reasons = [step.why for step in catalogue()["failover"].guide[1:4]]
    expect(shown_reasons(page)).to_contain_text(reasons)
    height = strip.locator(".guide-reasons").bounding_box()["height"]
    tell(page, GuideMoved(current=5, done=list(range(5))))
    expect(shown_reasons(page)).to_contain_text([catalogue()["failover"].guide[4].why])
    assert strip.locator(".guide-reasons").bounding_box()["height"] == height


def test_steps_that_one_event_ends_say_at_most_three_reasons(bench):
    page = bench()

    tell(page, GuideMoved(current=4, done=[0, 1, 2, 3]))

    reasons = [step.why for step in catalogue()["cache-aside"].guide[1:4]]
    expect(shown_reasons(page)).to_contain_text(reasons)


def test_the_reason_of_the_last_step_stays_when_the_strip_folds(bench):
    page = bench()
    last = len(catalogue()["cache-aside"].guide)
    tell(page, GuideMoved(current=last - 1, done=list(range(last - 1))))

    tell(page, GuideMoved(current=last, done=list(range(last))))

    expect(page.get_by_text("Do this").locator("visible=true")).to_have_count(0)
    expect(shown_reasons(page)).to_contain_text([catalogue()["cache-aside"].guide[-1].why])


def test_the_strip_shows_the_steps_of_one_check(bench):
    page = bench()
    marks = page.locator(".guide-steps > li:visible")
    expect(marks).to_have_count(1)

    page.locator(".lit").click()
    expect(at(page, "Check 2 of 5")).to_be_visible()
    page.locator(".lit").click()

    expect(at(page, "Check 3 of 5 · step 1 of 2 · Change the price")).to_be_visible()
    expect(marks).to_have_count(2)
    expect(page.locator(".lit")).to_have_attribute("data-step-no", "1")
    page.locator(".lit").click()
    expect(at(page, "Check 3 of 5 · step 2 of 2")).to_be_visible()
    expect(page.locator(".lit")).to_have_attribute("data-step-no", "2")
    expect(marks.first).to_have_attribute("data-state", "done")


def test_the_control_of_a_step_is_one_press_away(bench):
    page = bench("database-relief")
    page.get_by_role("link", name=re.compile("^Break")).click()
    page.locator(".bench-foot").scroll_into_view_if_needed()

    page.locator("cg-guide").get_by_role("button", name="Tab Load: show me").click()

    start = page.get_by_role("button", name="Start the load")
    expect(start).to_be_focused()
    expect(start).to_be_in_viewport(ratio=1)


def test_the_next_step_is_said_where_the_hand_is(bench):
    page = bench(viewport={"width": 1280, "height": 800})
    page.locator(".act").evaluate("act => act.scrollIntoView({ block: 'start' })")

    page.locator(".lit").click()

    said = page.locator(".act [data-outcome]")
    expect(said).to_contain_text("Next: With “Item” at 42, press Read it.")
    page.set_viewport_size({"width": 1280, "height": 1400})
    page.evaluate("() => scrollTo(0, 0)")
    page.locator(".lit").click()
    expect(at(page, "Check 3 of 5")).to_be_visible()
    expect(page.locator(".guide-next")).to_have_count(0)


def test_a_guide_that_goes_on_leaves_the_line_of_the_code_lit(bench):
    page = bench()
    page.get_by_role("button", name="Start a request").click()
    expect(page.locator(".ln.lit")).to_have_count(1)

    page.get_by_role("link", name=re.compile("^Load")).click()
    page.get_by_role("link", name=re.compile("^Step")).click()

    expect(page.locator(".ln.lit")).to_have_count(1)


def test_the_tab_of_a_step_opens_by_itself(bench):
    page = bench("database-relief")

    expect(page.get_by_role("link", name=re.compile("^Load"))).to_have_attribute(
        "aria-current", "true"
    )
    expect(lit(page, "Start the load")).to_be_visible()


def test_a_tab_that_the_address_names_stays(bench):
    page = bench("database-relief", "?gear=break")

    expect(page.get_by_role("link", name=re.compile("^Break"))).to_have_attribute(
        "aria-current", "true"
    )


def test_who_leaves_the_path_is_not_hindered(bench):
    page = bench()

    page.get_by_role("link", name=re.compile("^Load")).click()
    page.get_by_role("button", name="Start the load").click()

    expect(page.get_by_role("button", name="Stop the load")).to_be_visible()
    expect(at(page, "Check 1 of 5")).to_be_visible()


def test_a_guide_that_was_folded_stays_folded(bench):
    page = bench()
    page.get_by_text("Fold away").click()
    expect(page.get_by_text("Do this").locator("visible=true")).to_have_count(0)

    page.reload()

    expect(at(page, "Check 1 of 5")).to_be_visible()
    expect(page.get_by_text("Show the guide")).to_be_visible()
    page.get_by_text("Show the guide").click()
    expect(page.get_by_text("Do this").locator("visible=true")).to_be_visible()


def test_the_wall_shows_no_guide(bench):
    page = bench("cache-aside", "?view=projector")

    expect(page.locator("cg-guide")).to_be_hidden()


def step_that_predicts(lab):
    """The number of the first step that asks for a prediction, from 0."""
    return next(n for n, step in enumerate(catalogue()[lab].guide) if step.use.kind == "prediction")


def test_a_control_out_of_sight_is_offered_and_the_page_stays(bench):
    page = bench(viewport={"width": 1280, "height": 400})
    show = page.locator("cg-guide [data-show-me]")

    expect(show).to_have_text("Below: show me")
    assert page.evaluate("() => scrollY") == 0
    show.press("Enter")

    expect(page.locator(".lit")).to_be_in_viewport(ratio=1)
    expect(page.locator(".lit")).to_be_focused()
    expect(show).to_be_hidden()


def test_a_control_does_not_move_when_it_comes_in_sight(bench):
    page = bench(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    row = page.locator(".act-step [data-show-me]")
    expect(row).to_have_text("Below: show me")
    place = "lit => lit.getBoundingClientRect().top + scrollY"
    before = page.locator(".lit").evaluate(place)

    page.locator(".lit").scroll_into_view_if_needed()

    expect(row).to_be_hidden()
    assert page.locator(".lit").evaluate(place) == before


def test_a_control_in_sight_is_not_offered(bench):
    page = bench()

    expect(page.locator(".lit")).to_be_in_viewport(ratio=1)
    expect(page.locator("[data-show-me]").locator("visible=true")).to_have_count(0)


def test_a_control_in_another_tab_is_offered_by_the_name_of_the_tab(bench):
    page = bench()
    page.get_by_role("link", name=re.compile("^Load")).click()

    page.get_by_role("button", name="Tab Step: show me").click()

    expect(page.get_by_role("link", name=re.compile("^Step"))).to_have_attribute(
        "aria-current", "true"
    )
    expect(page.locator(".lit")).to_be_focused()


def test_where_the_hand_is_the_way_to_a_far_control_is_offered(bench):
    page = bench("sessions", viewport={"width": 1280, "height": 400})
    page.locator(".lit").scroll_into_view_if_needed()

    tell(page, GuideMoved(current=4, done=[0, 1, 2, 3]))

    said = page.locator(".guide-next")
    expect(said).to_contain_text("Next:")
    said.get_by_role("button", name="show me").click()
    expect(page.locator(".lit")).to_be_in_viewport(ratio=1)


def test_a_prediction_comes_to_the_row_of_actions_and_stays_there(bench):
    page = bench("strategies")
    number = step_that_predicts("strategies")
    row = page.locator("[data-needed=card]")
    expect(row).to_be_hidden()

    tell(page, GuideMoved(current=number, done=list(range(number))))

    card = row.locator(".prediction")
    expect(card).to_be_visible()
    expect(card.locator(".lit")).to_have_attribute("data-lit", str(number + 1))
    expect(page.locator(".bench-predictions .prediction")).to_have_count(
        len(catalogue()["strategies"].predictions) - 1
    )
    tell(page, GuideMoved(current=number + 1, done=list(range(number + 1))))
    expect(card).to_be_visible()


def test_a_setting_of_the_fold_comes_to_the_row_and_goes_back(bench):
    page = bench("cache-aside")
    row = page.locator("[data-needed=control]")
    expect(row).to_be_hidden()

    tell(page, GuideMoved(current=4, done=[0, 1, 2, 3]))
    expect(row.locator("[data-control=invalidate].lit")).to_be_visible()
    expect(page.locator(".more")).not_to_have_attribute("open", "")
    tell(page, GuideMoved(current=5, done=[0, 1, 2, 3, 4]))

    expect(row.locator("[data-control=ttl_s].lit")).to_be_visible()
    expect(row.locator("form")).to_have_count(1)
    expect(page.locator(".more .gear [data-control=invalidate]")).to_have_count(1)


def test_a_phone_says_the_step_in_the_row_of_actions(bench):
    page = bench(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    line = page.locator(".act-step")

    expect(line).to_contain_text("Check 1 of 5 · Read item 42.")
    tell(page, GuideMoved(current=1, done=[0]))
    expect(line).to_contain_text("Check 2 of 5")


def test_the_key_n_goes_to_the_lit_control_but_not_in_a_field(bench):
    page = bench()
    lit_control = page.locator(".lit")
    field = page.get_by_label("Item", exact=True).first
    field.fill("4")

    field.press("n")
    expect(field).to_have_value("4n")
    expect(lit_control).not_to_be_focused()
    page.locator("[data-gear-tab=break]").press("Enter")
    page.locator("[data-gear-tab=break]").press("n")

    expect(lit_control).to_be_focused()
    expect(page.locator("[data-gear-tab=step]")).to_have_attribute("aria-current", "true")
