"""The photographer, and how pages are brought into a state: what every story uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, FloatRect, Page, ViewportSize

SIZES = {"wide": (1536, 1440), "phone": (360, 800), "projector": (1920, 1080)}
WIDE: ViewportSize = {"width": SIZES["wide"][0], "height": SIZES["wide"][1]}
TALLEST = 5200
SETTLE_MS = 900


@dataclass
class Photographer:
    """Takes the pictures that were asked for of the page that a story shows."""

    browser: Browser
    url: str
    to: Path
    wanted: tuple[str, ...]
    taken: list[Path] = field(default_factory=list)

    def wants(self, *names: str) -> bool:
        """True if any of these pictures was asked for."""
        return not self.wanted or any(
            name.startswith(wish) or wish.startswith(name) for name in names for wish in self.wanted
        )

    def learner(self) -> BrowserContext:
        """A browser of a learner who was never here."""
        context = self.browser.new_context(base_url=self.url, viewport=WIDE, color_scheme="light")
        context.set_default_timeout(20_000)
        return context

    def take(
        self,
        page: Page,
        name: str,
        *,
        sizes: tuple[str, ...] = ("wide", "phone"),
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark"),
        phone_of: str = "",
    ) -> None:
        """The page as it stands.

        On a phone it is light only, and as long as it is, or `phone_of` alone.
        """
        if not self.wants(name):
            return
        for size in sizes:
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            for scheme in schemes if size == "wide" else schemes[:1]:
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(SETTLE_MS)
                path = self.to / f"{name}-{scheme}-{size}.png"
                foot = page.evaluate(
                    "() => Math.ceil(document.querySelector('.site-foot').getBoundingClientRect().bottom "
                    "+ scrollY)"
                )
                if size == "phone" and phone_of:
                    picture = page.locator(phone_of).screenshot()
                elif size == "projector":
                    picture = page.screenshot()
                else:
                    tall = size == "phone"
                    bottom = min(foot, TALLEST if tall else height)
                    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": bottom}
                    picture = page.screenshot(full_page=tall, clip=clip)
                path.write_bytes(picture)
                self.taken.append(path)
                print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")


def open_bench(page: Page, path: str, words: str = "Open the bench") -> None:
    """Go there and open it."""
    page.goto(path)
    press(page, words)
    page.wait_for_selector("cg-bench[data-connection=live]")


def press(page: Page, name: str) -> None:
    """Press a button of this name, which may be folded away."""
    button = page.get_by_role("button", name=name, exact=True)
    if not button.count():
        page.locator("cg-bench details.more").evaluate_all(
            "folds => folds.forEach((fold) => { fold.open = true; })"
        )
    button.first.click()


def close_bench(page: Page, path: str) -> None:
    """Close it, so that there is room for the next."""
    page.goto(path)
    press(page, "Close the bench")
    page.get_by_role("button", name="Open").first.wait_for()


def press_until_asked(page: Page) -> None:
    """Step a request on until the database was asked."""
    press(page, "Start a request")
    for _ in range(12):
        page.wait_for_timeout(250)
        if page.locator(".exchange > li").count() >= 2:
            return
        press(page, "Next line")
