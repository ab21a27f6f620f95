"""Scatter plots as plain SVG, for the benches: a result against a speed on a logarithmic axis, in panels side by side that share
both scales. Standard library only."""
import html
import math
import textwrap
from typing import NamedTuple

WIDTH, PANEL_HEIGHT = 1000, 400
TOP, BOTTOM, LEFT, RIGHT, GAP = 42, 56, 62, 32, 62
LINE = 16  # pixels from one line of text to the next
LETTER = 7.2  # about the width of a letter of a label; rather too wide, for browsers have different fonts
DOT = 5
STRONG, GREY, TEXT, GRID, FRAME = "#c2185b", "#808080", "#222222", "#e8e8e8", "#b0b0b0"


class Point(NamedTuple):
    label: str
    x: float  # above 0
    y: float
    strong: bool = False  # drawn in colour, not in grey


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


class Scale(NamedTuple):
    """The values at the ends of the axes; x in powers of ten."""
    x_low: int
    x_high: int
    y_low: float
    y_high: float
    y_step: float


def _scale(points):
    """Whole decades and round steps around all points, with some room, so that no dot lies on the frame."""
    x_low = math.floor(math.log10(min(point.x for point in points)) - 0.05)
    x_high = math.ceil(math.log10(max(point.x for point in points)) + 0.05)
    low, high = min(point.y for point in points), max(point.y for point in points)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    low, high = low - room if low < 0 else max(low - room, 0.0), high + room
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = power * max([1, *(factor for factor in (2, 5) if factor * power <= (high - low) / 4)])
    return Scale(x_low, x_high, math.floor(low / step) * step, math.ceil(high / step) * step, step)


def _position(point, area, scale):
    across = (math.log10(point.x) - scale.x_low) / (scale.x_high - scale.x_low)
    up = (point.y - scale.y_low) / (scale.y_high - scale.y_low)
    return area.left + across * (area.right - area.left), area.bottom - up * (area.bottom - area.top)


def _text(x, y, text, style):
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(text)}</text>'


def _line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _axes(area, scale, x_label, y_label):
    parts = []
    for power in range(scale.x_low, scale.x_high + 1):
        x = area.left + (power - scale.x_low) / (scale.x_high - scale.x_low) * (area.right - area.left)
        parts.append(_line(x, area.top, x, area.bottom, GRID))
        parts.append(_text(x, area.bottom + LINE, f"{10.0 ** power:.{max(0, -power)}f}", 'text-anchor="middle"'))
    steps = round((scale.y_high - scale.y_low) / scale.y_step)
    digits = max(0, -math.floor(math.log10(scale.y_step)))
    for number in range(steps + 1):
        y = area.bottom - number / steps * (area.bottom - area.top)
        parts.append(_line(area.left, y, area.right, y, GRID))
        parts.append(_text(area.left - 6, y + 4, f"{scale.y_low + number * scale.y_step:.{digits}f}", 'text-anchor="end"'))
    middle_x, middle_y = (area.left + area.right) / 2, (area.top + area.bottom) / 2
    parts.append(f'<rect x="{area.left:.1f}" y="{area.top:.1f}" width="{area.right - area.left:.1f}" '
                 f'height="{area.bottom - area.top:.1f}" fill="none" stroke="{FRAME}"/>')
    parts.append(_text(middle_x, area.bottom + 2.4 * LINE, x_label, 'text-anchor="middle" font-weight="bold"'))
    if y_label:
        turned = f'text-anchor="middle" font-weight="bold" transform="rotate(-90 {LINE} {middle_y:.1f})"'
        parts.append(_text(LINE, middle_y, y_label, turned))
    return parts


def _overlap(one, other):
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width * height if width > 0 and height > 0 else 0.0


def _label_places(x, y, width):
    """Where a label may stand, the best place first: beside its dot, above, below, then further and further up and down."""
    away = DOT + 4
    for lines in (0, -1, 1, -2, 2, -3, 3, -4, 4):
        top = y - LINE / 2 + lines * LINE
        if lines != 0:
            yield Box(x - width / 2, top, x + width / 2, top + LINE)
        yield Box(x + away, top, x + away + width, top + LINE)
        yield Box(x - away - width, top, x - away, top + LINE)


def _nearest(x, y, box):
    """Where a line from the dot to its label ends."""
    return min(max(x, box.left), box.right), min(max(y, box.top + 3), box.bottom - 3)


def _place_labels(points, area, scale):
    """A box for each point's label: greedily the first place that is free, or else the one with the least overlap."""
    dots = [_position(point, area, scale) for point in points]
    taken = [Box(x - DOT - 1, y - DOT - 1, x + DOT + 1, y + DOT + 1) for x, y in dots]
    boxes = []
    for point, (x, y) in zip(points, dots):
        width = LETTER * len(point.label)

        def cost(box):
            outside = width * LINE - _overlap(box, area)
            return round(outside + sum(_overlap(box, other) for other in taken), 3)

        box = min(_label_places(x, y, width), key=cost)
        near_x, near_y = _nearest(x, y, box)
        boxes.append(box)
        taken += [box, Box(min(x, near_x) - 1, min(y, near_y), max(x, near_x) + 1, max(y, near_y))]
    return boxes


def _dot_and_label(point, area, scale, box):
    x, y = _position(point, area, scale)
    near_x, near_y = _nearest(x, y, box)
    if math.hypot(near_x - x, near_y - y) > LINE:  # so far away that the eye needs a line
        yield _line(x, y, near_x, near_y, FRAME)
    yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT}" fill="{STRONG if point.strong else GREY}" stroke="#ffffff"/>'
    # The text is narrower than its box: it stands at the side of the dot.
    anchor, text_x = ("start", box.left) if box.left > x else ("end", box.right) if box.right < x else ("middle", x)
    style = f'fill="{STRONG}" font-weight="bold"' if point.strong else f'fill="{TEXT}"'
    yield _text(text_x, box.bottom - 4, point.label, f'text-anchor="{anchor}" {style}')


def _frame(title, subtitle, y_label, panels, scale, draw):
    """The text of an SVG file; draw(content, area) draws what one panel holds."""
    notes = textwrap.wrap(subtitle, 145)
    top = TOP + LINE * len(notes)
    height = top + PANEL_HEIGHT + BOTTOM
    panel_width = (WIDTH - LEFT - RIGHT - GAP * (len(panels) - 1)) / len(panels)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
             f'font-family="sans-serif" font-size="12" fill="{TEXT}">',
             f"<title>{html.escape(title)}</title>",
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             _text(LEFT, 26, title, 'font-size="17" font-weight="bold"')]
    parts += [_text(LEFT, 28 + LINE * number, line, f'fill="{GREY}"') for number, line in enumerate(notes, 1)]
    for number, (x_label, content) in enumerate(panels.items()):
        left = LEFT + number * (panel_width + GAP)
        area = Box(left, top, left + panel_width, top + PANEL_HEIGHT)
        parts += _axes(area, scale, x_label, y_label if number == 0 else "")
        parts += draw(content, area)
    return "\n".join([*parts, "</svg>", ""])


def scatter_svg(title, subtitle, y_label, panels):
    """The text of an SVG file. `panels`: label of the x axis -> list of Point, one panel for each."""
    scale = _scale([point for points in panels.values() for point in points])

    def draw(points, area):
        # From the right: there the frame leaves few places, while the points further to the left can still give way.
        points = sorted(points, key=lambda point: -point.x)
        for point, box in zip(points, _place_labels(points, area, scale)):
            yield from _dot_and_label(point, area, scale, box)

    return _frame(title, subtitle, y_label, panels, scale, draw)


def curves_svg(title, subtitle, y_label, panels):
    """As scatter_svg, but each panel holds curves: label of the x axis -> list of lists of Point. The last point of each curve
    has the label."""
    scale = _scale([point for curves in panels.values() for curve in curves for point in curve])

    def draw(curves, area):
        for curve in curves:
            dots = [_position(point, area, scale) for point in curve]
            for one, other in zip(dots, dots[1:]):
                yield _line(*one, *other, STRONG if curve[-1].strong else GREY)
            for (x, y) in dots[:-1]:
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{STRONG if curve[-1].strong else GREY}"/>'
        ends = [curve[-1] for curve in curves]
        for point, box in zip(ends, _place_labels(ends, area, scale)):
            yield from _dot_and_label(point, area, scale, box)

    return _frame(title, subtitle, y_label, panels, scale, draw)
