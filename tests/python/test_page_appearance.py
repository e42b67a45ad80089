"""Tests how the live page looks and moves in a real browser: colours, sizes, speed."""

import pytest
from browser import Page
from live_page import opened, row
from served import Served, serving

# The contrast of two colours, as WCAG 2 defines it.
CONTRAST = """
((a, b) => {
    const of = name => {
        const probe = document.body.appendChild(document.createElement('p'));
        probe.style.color = `var(--${name})`;
        const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3);
        probe.remove();
        const [r, g, b] = parts.map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    return Math.max(of(a) / of(b), of(b) / of(a));
})
"""


def test_both_themes_have_contrast_and_the_choice_is_kept(page: Page) -> None:
    page.prefer(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    background = "getComputedStyle(document.body).backgroundColor"
    with serving() as served:
        opened(page, served)
        dark = page.run(background)
        for theme in ("dark", "light"):
            for front in ("text", "soft", "accent", "warn"):
                for back in ("page", "card", "hover"):
                    contrast = page.run(f"{CONTRAST}({front!r}, {back!r})")
                    assert contrast >= 4.5, (theme, front, back, contrast)
            if theme == "dark":
                assert page.run("$('theme').innerText") == "Light"
                page.run("$('theme').click()")
        assert page.run(background) != dark
        opened(page, served)
        assert page.run(background) != dark  # the page has stored the choice


# The number of elements with a transition or an animation that takes time.
MOVING = """
[...document.querySelectorAll('*')].filter(node => {
    const style = getComputedStyle(node);
    return [style.transitionDuration, style.animationDuration].join()
        .split(',').some(duration => parseFloat(duration) > 0);
}).length
"""


def test_reduced_motion_disables_every_animation(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        assert page.run(MOVING) == 0
        page.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
        assert page.run(MOVING) > 3


def test_a_phone_scrolls_only_vertically(page: Page) -> None:
    page.window(360, 740, 2, phone=True)
    with serving() as served:
        opened(page, served)
        assert page.run("document.documentElement.scrollWidth") == 360
        page.run("$('filter').value = 'wait'; layout()")
        name, *_, p99, _, value, _ = page.run(row("queue mail"))
        assert (name, p99, value) == ("queue mail", "p99 1\u202fs", "100")
        small = "[...document.querySelectorAll('button, input, select, header a')]"
        assert page.run(f"{small}.every(node => node.offsetHeight >= 24)")  # WCAG 2.2, 2.5.8
        served.do("close")
        page.wait_for("document.body.className === 'lost'")
        assert page.run("document.documentElement.scrollWidth") == 360
        page.complaints.clear()  # a refused connection


# Scrolls in each of 60 frames, and returns their number.
SCROLL = """
new Promise(done => {
    let frames = 0;
    const frame = () => {
        scrollBy(0, 37);
        if (++frames < 60) requestAnimationFrame(frame); else done(frames);
    };
    requestAnimationFrame(frame);
})
"""


def cost(page: Page, served: Served) -> float:
    """Returns the processor time of a frame while the page scrolls, in seconds."""
    opened(page, served)
    page.call("Performance.disable")
    page.call("Performance.enable", timeDomain="threadTicks")  # processor time, not elapsed time

    def spent() -> float:
        metrics = page.call("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    times = []
    for _ in range(3):
        page.run("scrollTo(0, 400)")
        before = spent()
        frames = int(page.run(SCROLL))
        times.append((spent() - before) / frames)
    return min(times)


@pytest.mark.timed
def test_scrolling_stays_fast_with_ten_thousand_series(page: Page) -> None:
    with serving(200) as few:
        least = cost(page, few)
        page.open("about:blank")  # this page does not read the ended endpoint
    with serving(10_000) as many:
        most = cost(page, many)
        assert page.run("$('count').innerText") == "10,009 series"
        assert page.run("document.querySelectorAll('*').length") < 1500
        print(f"ms per frame: {1e3 * least:.2f} with 209 series, {1e3 * most:.2f} with 10,009")
        assert most < 3 * least
        page.run("scrollTo(0, document.body.scrollHeight)")
        assert page.wait_for(row("method method_9999"))[5] == "9,999"
        page.run("$('filter').value = 'method_77'; layout()")
        assert page.run("$('count').innerText") == "111 of 10,009 series"
