"""The parts of a storyboard sketch: places, rooms and figures."""

import re
from enum import Enum, auto

from .canvas import Canvas, Colour, Light, mix


class Place(Enum):
    """The kind of place that a scene names."""

    CITY = auto()
    SEA = auto()
    FOREST = auto()
    DESERT = auto()
    MOUNTAINS = auto()
    SPACE = auto()
    FIELDS = auto()


PLACES = (
    (Place.SPACE, r"space\w*|orbit|planet|galaxy|asteroid|rocket|starship"),
    (Place.SEA, r"sea|ocean|harbou?r|beach|ship|boat|coast|island|river|lake|waves?|docks?"),
    (Place.FOREST, r"forest|woods?|jungle|trees?|park|garden"),
    (Place.DESERT, r"desert|dunes?|sands?|canyon|wasteland"),
    (Place.MOUNTAINS, r"mountains?|hills?|peak|cliff|valley|snow\w*|glacier"),
    (Place.CITY, r"city|street|road|rooftops?|tower|building|town|alley|station|market|lisbon|bridge|square"),
)


def place(scene: str) -> Place:
    """The kind of place that the words name; open fields where they name none."""
    for kind, pattern in PLACES:
        if re.search(rf"\b({pattern})\b", scene, re.I):
            return kind
    return Place.FIELDS


def landscape(canvas: Canvas, light: Light, kind: Place) -> int:
    """Sky, horizon and what stands there; answers the y of the ground that people stand on."""
    colours = canvas.palette
    horizon = round(canvas.height * canvas.chance.uniform(0.48, 0.62))
    canvas.gradient(0, horizon, colours.sky_top, colours.sky_bottom)
    _heavens(canvas, light, horizon, stars=light is Light.NIGHT or kind is Place.SPACE)
    _BACKGROUNDS[kind](canvas, horizon)
    return round(canvas.height * 0.93)


def room(canvas: Canvas, light: Light) -> int:
    """A room in one-point perspective with a window, a lamp and a table; answers the y of its floor."""
    colours, width, height = canvas.palette, canvas.width, canvas.height
    inset_x, top, bottom = round(width * 0.18), round(height * 0.14), round(height * 0.66)
    back = (inset_x, top, width - inset_x, bottom)
    wall = mix(colours.far, colours.sky_bottom, 0.35)
    canvas.draw.polygon([(0, 0), back[:2], (back[0], bottom), (0, height)], fill=mix(wall, colours.ink, 0.30))
    canvas.draw.polygon([(width, 0), (back[2], top), back[2:], (width, height)], fill=mix(wall, colours.ink, 0.22))
    canvas.draw.polygon([(0, 0), (width, 0), (back[2], top), back[:2]], fill=mix(wall, colours.ink, 0.45))
    canvas.draw.polygon([(0, height), (width, height), back[2:], (back[0], bottom)], fill=colours.ground)
    canvas.draw.rectangle(back, fill=wall)
    _window(canvas, light, back)
    _lamp(canvas, light, back)
    table_y, table_x = round(height * 0.74), round(width * canvas.chance.uniform(0.55, 0.68))
    table = (table_x, table_y, table_x + width // 5, table_y + height // 40)
    canvas.draw.rectangle(table, fill=colours.near)
    for x in (table[0] + width // 80, table[2] - width // 80):
        canvas.draw.line((x, table[3], x, table[3] + height // 8), fill=colours.near, width=max(2, width // 160))
    return round(height * 0.94)


def figures(canvas: Canvas, count: int, height_share: float, floor: int) -> None:
    """`count` people; those taller than the picture are cut off below, as a near camera cuts them."""
    tall = canvas.height * height_share
    near = height_share > 0.9
    for number in range(count):
        x = canvas.width * (number + 1) / (count + 1) + canvas.chance.uniform(-0.04, 0.04) * canvas.width
        size = tall * canvas.chance.uniform(0.92, 1.06)
        head_top = canvas.height * canvas.chance.uniform(0.14, 0.2) if near else floor - size
        shade = mix(canvas.palette.ink, canvas.palette.near, 0.12 + 0.1 * (number % 3))
        _figure(canvas, x, head_top, size, shade)


def _figure(canvas: Canvas, x: float, top: float, size: float, shade: Colour) -> None:
    draw, head = canvas.draw, size / 7.5
    lean = canvas.chance.uniform(-0.15, 0.15) * head
    draw.ellipse((x - head * 0.42 + lean, top, x + head * 0.42 + lean, top + head), fill=shade)
    neck, hips, feet = top + head * 0.9, top + size * 0.52, top + size
    shoulders, waist = head * 0.95, head * 0.55
    draw.rectangle((x - head * 0.16, neck, x + head * 0.16, neck + head * 0.4), fill=shade)
    chest = neck + head * 0.25
    draw.polygon([(x - shoulders, chest), (x + shoulders, chest), (x + waist, hips), (x - waist, hips)], fill=shade)
    draw.ellipse((x - shoulders, chest - head * 0.2, x + shoulders, chest + head * 0.5), fill=shade)
    limb = max(2, round(head * 0.34))
    for side in (-1, 1):
        swing = canvas.chance.uniform(0.1, 0.6) * head
        draw.line((x + side * shoulders * 0.9, chest, x + side * (shoulders + swing), hips), fill=shade, width=limb)
        draw.line((x + side * waist * 0.5, hips, x + side * (waist + swing * 0.4), feet), fill=shade, width=limb)
    # The light's edge on one side makes the silhouette stand off the background.
    edge = mix(canvas.palette.accent, canvas.palette.sky_bottom, 0.4)
    draw.arc(
        (x - head * 0.42 + lean, top, x + head * 0.42 + lean, top + head),
        -80,
        60,
        fill=edge,
        width=max(1, limb // 6),
    )


def _heavens(canvas: Canvas, light: Light, horizon: int, *, stars: bool) -> None:
    chance, width = canvas.chance, canvas.width
    if stars:
        for _ in range(160):
            x, y, size = (
                chance.randrange(width),
                chance.randrange(max(1, horizon)),
                chance.choice((1, 2, 2, 3)),
            )
            canvas.draw.ellipse((x, y, x + size, y + size), fill=(235, 235, 245))
    radius = round(min(width, canvas.height) * 0.07)
    x = round(width * chance.uniform(0.15, 0.85))
    low = light in {Light.DAWN, Light.DUSK}
    y = horizon - radius // 2 if low else round(horizon * 0.28)
    glow = (244, 240, 222) if light is Light.NIGHT else mix(canvas.palette.accent, (255, 244, 214), 0.75)
    canvas.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=glow)


def _ground(canvas: Canvas, horizon: int) -> None:
    canvas.gradient(horizon, canvas.height, canvas.palette.ground, mix(canvas.palette.ground, canvas.palette.ink, 0.45))


def _ridge(canvas: Canvas, base: int, rise: float, steps: int, fill: Colour) -> None:
    """A broken line of heights across the picture."""
    points = [(0, base)]
    for step in range(steps + 1):
        height = canvas.chance.uniform(0.25, 1.0) * rise * canvas.height
        points.append((round(canvas.width * step / steps), round(base - height)))
    points.append((canvas.width, base))
    canvas.draw.polygon(points, fill=fill)


def _fields(canvas: Canvas, horizon: int) -> None:
    _ridge(canvas, horizon, 0.10, 6, canvas.palette.far)
    _ground(canvas, horizon)
    vanish = canvas.width * canvas.chance.uniform(0.35, 0.65)
    for step in range(-6, 7):
        end = canvas.width / 2 + step * canvas.width * 0.16
        canvas.draw.line((vanish, horizon, end, canvas.height), fill=canvas.palette.near, width=3)


def _mountains(canvas: Canvas, horizon: int) -> None:
    _ridge(canvas, horizon, 0.42, 7, canvas.palette.far)
    _ridge(canvas, horizon, 0.24, 9, canvas.palette.near)
    _ground(canvas, horizon)


def _desert(canvas: Canvas, horizon: int) -> None:
    _ground(canvas, horizon)
    for number in range(5):
        y = horizon + (canvas.height - horizon) * number // 6
        x = round(canvas.chance.uniform(-0.4, 0.6) * canvas.width)
        shade = mix(canvas.palette.ground, canvas.palette.ink, 0.06 * number)
        canvas.draw.ellipse((x, y - canvas.height // 20, x + canvas.width, y + canvas.height // 2), fill=shade)


def _sea(canvas: Canvas, horizon: int) -> None:
    colours = canvas.palette
    canvas.gradient(
        horizon, canvas.height, mix(colours.far, colours.sky_bottom, 0.3), mix(colours.near, colours.ink, 0.4)
    )
    for number in range(70):
        depth = number / 70
        y = horizon + round((canvas.height - horizon) * depth**1.4)
        x, length = canvas.chance.randrange(canvas.width), round(canvas.width * (0.02 + 0.07 * depth))
        canvas.draw.line(
            (x, y, x + length, y),
            fill=mix(colours.sky_bottom, colours.far, depth),
            width=1 + round(3 * depth),
        )
    x, size = round(canvas.width * canvas.chance.uniform(0.2, 0.7)), canvas.width // 14
    canvas.draw.polygon(
        [
            (x, horizon),
            (x + size, horizon),
            (x + size * 3 // 4, horizon + size // 5),
            (x + size // 4, horizon + size // 5),
        ],
        fill=colours.ink,
    )
    canvas.draw.polygon(
        [(x + size // 2, horizon - size), (x + size // 2, horizon), (x + size, horizon)], fill=colours.far
    )


def _forest(canvas: Canvas, horizon: int) -> None:
    _ground(canvas, horizon)
    for row, (count, tall) in enumerate(((26, 0.22), (15, 0.40), (8, 0.75))):
        shade = mix(canvas.palette.far, canvas.palette.ink, 0.25 + 0.25 * row)
        base = horizon + row * (canvas.height - horizon) // 5
        for _ in range(count):
            x = canvas.chance.randrange(canvas.width)
            high = min(canvas.height, canvas.width) * tall * canvas.chance.uniform(0.7, 1.1)
            wide = high * 0.22
            canvas.draw.polygon([(x - wide, base), (x + wide, base), (x, base - high)], fill=shade)
            canvas.draw.rectangle((x - wide / 8, base, x + wide / 8, base + high / 10), fill=canvas.palette.ink)


def _city(canvas: Canvas, horizon: int) -> None:
    for row, tall in enumerate((0.34, 0.52)):
        shade = mix(canvas.palette.far, canvas.palette.ink, 0.15 + 0.35 * row)
        x = -canvas.chance.randrange(40)
        while x < canvas.width:
            wide = round(canvas.width * canvas.chance.uniform(0.05, 0.11))
            # The middle is left open, for the street and the people on it.
            open_middle = row == 1 and abs(x + wide / 2 - canvas.width / 2) < canvas.width * 0.2
            high = round(canvas.height * tall * canvas.chance.uniform(0.45, 1.0) * (0.25 if open_middle else 1))
            canvas.draw.rectangle((x, horizon - high, x + wide, horizon), fill=shade)
            _lit_windows(canvas, x, horizon - high, wide, high)
            x += wide + canvas.chance.randrange(2, 14)
    _ground(canvas, horizon)
    middle = canvas.width / 2
    road = [
        (middle * 0.94, horizon),
        (middle * 1.06, horizon),
        (canvas.width * 0.86, canvas.height),
        (canvas.width * 0.14, canvas.height),
    ]
    canvas.draw.polygon(road, fill=mix(canvas.palette.ground, canvas.palette.ink, 0.5))
    canvas.draw.line((middle, horizon, middle, canvas.height), fill=canvas.palette.sky_bottom, width=4)


def _lit_windows(canvas: Canvas, left: int, top: int, wide: int, high: int) -> None:
    step = max(14, wide // 5)
    for y in range(top + step // 2, top + high - step // 2, step):
        for x in range(left + step // 2, left + wide - step // 2, step):
            if canvas.chance.random() < 0.3:
                canvas.draw.rectangle((x, y, x + step // 3, y + step // 2), fill=canvas.palette.accent)


def _space(canvas: Canvas, horizon: int) -> None:
    dark = (8, 8, 18)
    canvas.gradient(0, canvas.height, dark, mix(dark, canvas.palette.sky_top, 0.6))
    _heavens(canvas, Light.NIGHT, canvas.height, stars=True)
    radius = round(min(canvas.width, canvas.height) * 0.32)
    x, y = round(canvas.width * canvas.chance.uniform(0.25, 0.75)), round(canvas.height * 0.4)
    for ring in range(radius, 0, -4):
        shade = mix(canvas.palette.near, canvas.palette.accent, 1 - ring / radius)
        shift = (radius - ring) // 3
        canvas.draw.ellipse((x - ring - shift, y - ring - shift, x + ring - shift, y + ring - shift), fill=shade)
    canvas.draw.polygon(
        [
            (0, canvas.height),
            (canvas.width, canvas.height),
            (canvas.width, canvas.height * 0.9),
            (0, canvas.height * 0.84),
        ],
        fill=canvas.palette.ink,
    )


def _window(canvas: Canvas, light: Light, back: tuple[int, int, int, int]) -> None:
    wide, high = (back[2] - back[0]) // 4, (back[3] - back[1]) // 2
    x, y = back[0] + round(wide * canvas.chance.uniform(0.3, 1.4)), back[1] + high // 3
    frame = canvas.palette.near
    for row in range(high):
        colour = mix(canvas.palette.sky_top, canvas.palette.sky_bottom, row / high)
        canvas.draw.line((x, y + row, x + wide, y + row), fill=colour)
    line = max(3, wide // 30)
    canvas.draw.rectangle((x, y, x + wide, y + high), outline=frame, width=line)
    canvas.draw.line((x + wide // 2, y, x + wide // 2, y + high), fill=frame, width=line)
    canvas.draw.line((x, y + high // 2, x + wide, y + high // 2), fill=frame, width=line)
    if light is not Light.NIGHT:
        # Light on the floor, as the window throws it.
        fall = mix(canvas.palette.ground, canvas.palette.sky_bottom, 0.45)
        bottom, low = back[3], canvas.height * 9 // 10
        canvas.draw.polygon([(x, bottom), (x + wide, bottom), (x + wide * 2, low), (x + wide // 2, low)], fill=fall)


def _lamp(canvas: Canvas, light: Light, back: tuple[int, int, int, int]) -> None:
    x, y = back[2] - (back[2] - back[0]) // 4, back[1] + (back[3] - back[1]) // 5
    size = canvas.width // 36
    canvas.draw.line((x, 0, x, y), fill=canvas.palette.ink, width=4)
    shade = canvas.palette.accent if light in {Light.NIGHT, Light.DUSK} else canvas.palette.near
    canvas.draw.polygon(
        [(x - size, y + size), (x + size, y + size), (x + size // 3, y), (x - size // 3, y)], fill=shade
    )


_BACKGROUNDS = {
    Place.CITY: _city,
    Place.SEA: _sea,
    Place.FOREST: _forest,
    Place.DESERT: _desert,
    Place.MOUNTAINS: _mountains,
    Place.SPACE: _space,
    Place.FIELDS: _fields,
}
