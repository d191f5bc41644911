"""Pictures of a report, as SVG that scales, reads in light and dark, and needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, LEFT, RIGHT = 520, 130, 84
ROW = 20
PLAIN_MAX = 1_000_000.0


def curve(points: Sequence[tuple[float, float]], title: str, x_unit: str) -> str:
    """A line through `(x, y)`, with its last value and its extremes told."""
    if len(points) < 2:
        return ""
    height, top, bottom, left, right = 170, 12, 26, 70, 10
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(0.0, *ys), max(0.0, *ys)
    span_x, span_y = (xs[-1] - xs[0]) or 1.0, (high - low) or 1.0

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - xs[0]) / span_x * (WIDTH - left - right),
            top + (high - y) / span_y * (height - top - bottom),
        )

    steps = []
    last_y = at(*points[0])[1]
    for x, y in points:
        px, py = at(x, y)
        steps.append(f"{px:.1f},{last_y:.1f} {px:.1f},{py:.1f}")
        last_y = py
    zero = at(xs[0], 0.0)[1]
    marks = "".join(
        f'<text x="{left - 8}" y="{at(xs[0], value)[1] + 4:.1f}" class="end">{_short(value, "")}</text>'
        for value in dict.fromkeys((low, 0.0, high))
        if value == 0.0 or abs(at(xs[0], value)[1] - zero) > 14
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f'<line x1="{left}" x2="{WIDTH - right}" y1="{zero:.1f}" y2="{zero:.1f}" class="axis"/>{marks}'
        f'<polyline points="{" ".join(steps)}" class="curve"/>'
        f'<circle cx="{at(*points[-1])[0]:.1f}" cy="{at(*points[-1])[1]:.1f}" r="3.5" class="dot"/>'
        f'<text x="{left}" y="{height - 8}">0</text>'
        f'<text x="{WIDTH - right}" y="{height - 8}" class="end">{span_x:,.1f} {escape(x_unit)}</text></svg>'
    )


def waterfall(steps: Sequence[tuple[str, float]], title: str) -> str:
    """From the first value, by what each next one adds, to their sum."""
    row, top = ROW, 6
    height = top + row * (len(steps) + 1) + 6
    ends, total = [0.0], 0.0
    for _, value in steps:
        total += value
        ends.append(total)
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return LEFT + (value - low) / span * (WIDTH - LEFT - RIGHT)

    parts, before = [], 0.0
    for number, (name, value) in enumerate([*steps, ("achieved", total)]):
        is_sum = number in (0, len(steps))
        start, end = (0.0, value) if is_sum else (before, before + value)
        before = end
        y = top + number * row
        x, width = min(at(start), at(end)), max(1.5, abs(at(end) - at(start)))
        kind = "sum" if is_sum else "good" if value >= 0 else "bad"
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 14}" class="end">{escape(name)}</text>'
            f'<rect x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{row - 7}" rx="2" class="{kind}"/>'
            f'<text x="{WIDTH - 4}" y="{y + 14}" class="end">{_short(value, "+")}</text>'
        )
    zero = at(0.0)
    axis = f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{top}" y2="{height - 6}" class="axis"/>'
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{axis}{"".join(parts)}</svg>'


def bars(rows: Sequence[tuple[str, float, str]], title: str) -> str:
    """`(name, value, how it is told)`, each a bar as long as its share of the largest."""
    if not rows:
        return ""
    row, top = ROW, 4
    height = top + row * len(rows) + 4
    largest = max(value for _, value, _ in rows) or 1.0
    parts = []
    for number, (name, value, told) in enumerate(rows):
        y = top + number * row
        width = max(1.5, value / largest * (WIDTH - LEFT - RIGHT)) if value else 0.0
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 14}" class="end">{escape(name)}</text>'
            f'<rect x="{LEFT}" y="{y + 4}" width="{width:.1f}" height="{row - 7}" rx="2" class="sum"/>'
            f'<text x="{LEFT + width + 8:.1f}" y="{y + 14}">{escape(told)}</text>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _short(value: float, sign: str) -> str:
    """Two decimals; large ones in powers of ten, so that they fit."""
    return format(value, f"{sign},.2f" if abs(value) < PLAIN_MAX else f"{sign}.3g")
