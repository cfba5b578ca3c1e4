"""The guide's strip: one step at a time, its control lit in its tab, and nothing in the way."""

import re

from playwright.sync_api import expect


def at(page, words):
    """The line of the guide, if it begins like this."""
    return page.locator("cg-guide .guide-now").filter(has_text=words)


def lit(page, name):
    return (
        page.locator(".lit")
        .get_by_text(name, exact=True)
        .or_(page.get_by_role("button", name=name, exact=True).and_(page.locator(".lit")))
    )


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
    expect(page.locator('[data-step="2"]')).to_contain_text("Check 1 is met")


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

    page.locator("[data-step] [data-go]").locator("visible=true").click()

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
