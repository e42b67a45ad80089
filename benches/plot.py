"""Draws lines on two logarithmic axes, or bars, as SVG."""

import math

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 170, 40, 50
COLOURS = ["#c0392b", "#2471a3", "#7d6608", "#196f3d", "#6c3483"]


def text_at(x, y, words, anchor="middle", colour="#333"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def head(width, height):
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        "<style>text { font: 13px sans-serif }</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]


def bar_chart(title, unit, rows):
    """Returns a chart of `rows`, which has the values of each label by name, as bars from zero."""
    names = list(dict.fromkeys(name for values in rows.values() for name in values))
    colour = dict(zip(names, COLOURS, strict=False))
    most = max(value for values in rows.values() for value in values.values())
    left, bar, gap = 150, 20, 18
    across = (WIDTH - left - 80) / most
    parts, y = [], 44
    for x, name in zip((left, left + 200), names, strict=False):
        parts += [f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour[name]}"/>']
        parts += [text_at(x + 18, y, name, "start")]
    y += 20
    for label, values in rows.items():
        parts += [text_at(left - 10, y + bar * len(values) / 2 + 4, label, "end")]
        for name, value in values.items():
            width = value * across
            parts += [
                (
                    f'<rect x="{left}" y="{y}" width="{width:.1f}" height="{bar - 2}"'
                    f' fill="{colour[name]}"/>'
                ),
                text_at(left + width + 6, y + 14, f"{value:.0f} {unit}", "start"),
            ]
            y += bar
        y += gap
    return "\n".join([*head(WIDTH, y), text_at(WIDTH / 2, 22, title), *parts, "</svg>", ""])


def decades(low, high):
    """Returns the exponents of the powers of ten that enclose the values."""
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def lines_chart(title, x_title, y_title, lines):
    """Returns a chart of `lines`, which has the points (x, y) of each name, all above zero."""
    xs = sorted({x for points in lines.values() for x, _ in points})
    ys = [y for points in lines.values() for _, y in points]
    powers = decades(min(ys), max(ys))

    def across(x):
        span = math.log(xs[-1] / xs[0])
        return LEFT + math.log(x / xs[0]) / span * (WIDTH - LEFT - RIGHT)

    def up(y):
        share = (math.log10(y) - powers[0]) / (powers[-1] - powers[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def rule(x1, y1, x2, y2):
        return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#ddd"/>'

    parts = [
        *head(WIDTH, HEIGHT),
        text_at(WIDTH / 2, 22, title),
        text_at((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title),
    ]
    for power in powers:
        y = up(10**power)
        parts += [
            rule(LEFT, y, WIDTH - RIGHT, y),
            text_at(LEFT - 8, y + 4, f"{10**power:,g} {y_title}", "end"),
        ]
    for x in xs:
        parts += [rule(across(x), TOP, across(x), HEIGHT - BOTTOM)]
        parts += [text_at(across(x), HEIGHT - BOTTOM + 18, f"{x:,}")]
    next_y = -math.inf
    by_end = sorted(lines.items(), key=lambda line: up(line[1][-1][1]))
    for (name, points), colour in zip(by_end, COLOURS, strict=False):
        path = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        # Each name is at the end of its line, or below the previous name if they would overlap.
        next_y = max(up(points[-1][1]) + 4, next_y + 15)
        parts.append(text_at(WIDTH - RIGHT + 8, next_y, name, "start", colour))
    return "\n".join([*parts, "</svg>", ""])
