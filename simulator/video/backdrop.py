"""The places cameras look at, as still pictures of 1280x720 with what lives in them: ground, trees, lamps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from simulator.video import texture as t
from simulator.video.cast import Facing, Placed, car, paint, shadow
from simulator.video.texture import Bgr, Colour, Field

WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True, slots=True)
class Lamp:
    """A source of light: where it hangs, where it shines to, how wide its pool is."""

    head: tuple[float, float]
    pool: tuple[float, float]
    radius: tuple[float, float]
    colour: Colour = (150, 205, 255)


@dataclass(frozen=True, slots=True)
class Perspective:
    """How large what stands where appears: a metre at foot line y is `slope * (y - horizon_y)` pixels."""

    horizon_y: float
    slope: float

    def place(self, x: float, y: float) -> Placed:
        """Where and how large somebody at foot point (x, y) appears."""
        return Placed(x, y, self.slope * (y - self.horizon_y))


PERSPECTIVES = {
    "street": Perspective(150, 0.19),
    "gate": Perspective(165, 0.185),
    "road": Perspective(214, 0.235),
    "wood": Perspective(230, 0.2),
    "room": Perspective(120, 0.34),
    "hall": Perspective(90, 0.235),
    "lookout": Perspective(250, 0.045),
}


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A place without anybody in it, in even daylight."""

    picture: Bgr
    occluder: Field | None = None  # what stands in front of movers
    sway: Field | None = None  # what the wind moves, 0..1
    lamps: tuple[Lamp, ...] = ()
    windows: tuple[tuple[int, int, int, int], ...] = ()  # x, y, w, h of those that may be lit
    sky_y: int = 0  # down to here the picture shows sky


@dataclass(slots=True)
class _Canvas:
    """A backdrop being painted."""

    picture: Bgr
    occluder: Field = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    sway: Field = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), np.float32))
    windows: list[tuple[int, int, int, int]] = field(default_factory=list)

    def tree(self, x: int, y: int, w: int, h: int, seed: int, *, trunk_to: int, front: bool = False) -> None:
        """A crown with its upper left corner at (x, y) on a trunk that stands at `trunk_to`."""
        middle = x + w // 2
        trunk = [
            (middle - w * 0.035, y + h * 0.6),
            (middle + w * 0.03, y + h * 0.6),
            (middle + w * 0.05, trunk_to),
        ]
        t.polygon(self.picture, [*trunk, (middle - w * 0.055, trunk_to)], (52, 66, 82))
        cover = t.crown(h, w, seed)
        leaves = t.foliage(h, w, seed)
        shade = np.linspace(1.12, 0.72, h, dtype=np.float32)[:, None, None]
        t.paste(self.picture, t.saturated(leaves * shade), (x, y), cover)
        _raise(self.sway, cover, (x, y))
        if front:
            _raise(self.occluder, cover, (x, y))

    def facade(
        self, box: tuple[int, int, int, int], colour: Colour, seed: int, *, window: tuple[int, int]
    ) -> None:
        """A house front with rows of windows, a plinth and an eave."""
        x, y, w, h = box
        wall = t.surface(h, w, colour, seed, contrast=5, coarsest_px=96)
        t.paste(self.picture, wall, (x, y))
        rng = np.random.default_rng(seed)
        ww, wh = window
        for wy in range(y + wh // 2 + 8, y + h - wh - 34, int(wh * 1.75)):
            for wx in range(x + ww // 2, x + w - ww, int(ww * 1.9)):
                self._window(wx, wy, ww, wh, rng)
        cv2.rectangle(self.picture, (x, y), (x + w, y + 7), _darker(colour, 0.62), -1)
        cv2.rectangle(self.picture, (x, y + h - 18), (x + w, y + h), _darker(colour, 0.7), -1)

    def _window(self, x: int, y: int, w: int, h: int, rng: np.random.Generator) -> None:
        frame = t.gradient(h, w, (132, 116, 98), (92, 82, 72)) + float(rng.normal(0, 12))
        t.paste(self.picture, t.saturated(frame), (x, y))
        if rng.random() < 0.4:
            t.paste(self.picture, np.full((h // 2, w, 3), (188, 196, 200), np.uint8), (x, y))
        cv2.rectangle(self.picture, (x, y), (x + w, y + h), (206, 208, 210), 2)
        cv2.line(self.picture, (x + w // 2, y), (x + w // 2, y + h), (200, 202, 204), 1)
        self.windows.append((x + 2, y + 2, w - 4, h - 4))

    def lamp_post(self, x: int, top: int, foot: int, arm: int) -> None:
        """A street lamp whose head hangs `arm` pixels beside its post."""
        t.polygon(self.picture, [(x - 3, top), (x + 3, top), (x + 5, foot), (x - 5, foot)], (112, 112, 110))
        t.polygon(
            self.picture, [(x, top), (x + arm, top - 10), (x + arm, top - 5), (x, top + 6)], (112, 112, 110)
        )
        cv2.ellipse(self.picture, (x + arm, top - 6), (14, 5), 0, 0, 360, (212, 214, 214), -1, cv2.LINE_AA)

    def backdrop(self, *, lamps: tuple[Lamp, ...] = (), sky_y: int = 0) -> Backdrop:
        """The finished place."""
        return Backdrop(
            picture=_lens(self.picture),
            occluder=self.occluder if self.occluder.any() else None,
            sway=np.asarray(cv2.GaussianBlur(self.sway, (0, 0), 3), np.float32) if self.sway.any() else None,
            lamps=lamps,
            windows=tuple(self.windows),
            sky_y=sky_y,
        )


def street() -> Backdrop:
    """A village street seen from a pole across the road."""
    picture = t.ground(HEIGHT, WIDTH, (150, 152, 152), 11, contrast=6)
    canvas = _Canvas(picture)
    t.paste(picture, t.sky(220, WIDTH, 12), (0, 0))
    canvas.facade((-20, 70, 330, 268), (150, 178, 196), 13, window=(40, 50))
    canvas.facade((310, 120, 270, 218), (168, 170, 176), 14, window=(34, 42))
    canvas.facade((580, 40, 300, 298), (134, 152, 178), 15, window=(38, 48))
    canvas.facade((880, 108, 420, 230), (178, 188, 190), 16, window=(42, 46))
    for x, w, colour in ((40, 190, (60, 66, 150)), (640, 180, (120, 88, 52)), (960, 220, (70, 104, 72))):
        _shop(canvas, x, 262, w, 76, colour)
    t.paste(picture, t.surface(48, WIDTH, (166, 170, 172), 17, contrast=7), (0, 338))
    for x in range(-40, WIDTH, 58):  # paving joints
        cv2.line(picture, (x, 386), (x + 26, 338), (140, 144, 146), 1, cv2.LINE_AA)
    asphalt = t.ground(224, WIDTH, (96, 95, 92), 18, contrast=8)
    t.paste(picture, asphalt, (0, 386))
    cv2.rectangle(picture, (0, 384), (WIDTH, 391), (178, 180, 180), -1)
    cv2.rectangle(picture, (0, 606), (WIDTH, 616), (170, 172, 172), -1)
    for x in range(-60, WIDTH, 210):
        t.polygon(picture, [(x, 489), (x + 104, 489), (x + 100, 495), (x - 6, 495)], (206, 208, 208))
    for x in range(-100, WIDTH, 92):
        cv2.line(picture, (x, 720), (x + 44, 616), (132, 135, 136), 2, cv2.LINE_AA)
    canvas.tree(214, 96, 170, 190, 21, trunk_to=352)
    canvas.tree(842, 110, 150, 180, 22, trunk_to=352)
    canvas.lamp_post(486, 120, 352, 46)
    canvas.lamp_post(1120, 120, 352, 46)
    parked = PERSPECTIVES["street"].place(1010, 408)
    shadow(picture, parked, width_m=4.4, strength=0.5)
    paint(picture, car(4, 0.0, Facing.LEFT), parked, light=1.0, occluder=None)
    return canvas.backdrop(
        lamps=(
            Lamp((532, 114), (532, 420), (250, 110)),
            Lamp((1166, 114), (1166, 420), (250, 110)),
            Lamp((60, 114), (0, 440), (200, 110)),
        ),
        sky_y=120,
    )


def gate() -> Backdrop:
    """The yard behind a gate: brick wall, steel gate, concrete, a hut."""
    picture = t.ground(HEIGHT, WIDTH, (148, 154, 156), 31, contrast=7)
    canvas = _Canvas(picture)
    t.paste(picture, t.sky(230, WIDTH, 32), (0, 0))
    t.paste(picture, t.foliage(120, WIDTH, 33, tone=(60, 92, 74)), (0, 96), _hedge_cover(120, WIDTH, 34))
    t.paste(picture, t.bricks(178, WIDTH, (92, 104, 150), 35), (0, 190))
    cv2.rectangle(picture, (0, 182), (WIDTH, 194), (160, 164, 166), -1)
    _steel_gate(picture, 470, 168, 330, 206)
    for x in (438, 800):
        t.paste(picture, t.surface(232, 34, (158, 162, 166), 36 + x, contrast=6), (x, 146))
        cv2.rectangle(picture, (x - 4, 138), (x + 38, 150), (138, 142, 146), -1)
    for step in range(7):  # slabs of concrete
        y = int(374 + 346 * (step / 7) ** 1.6)
        cv2.line(picture, (0, y), (WIDTH, y), (126, 131, 133), 1 + step // 3, cv2.LINE_AA)
    for x in range(-1400, 2700, 260):
        cv2.line(picture, (x, 720), (640 + (x - 640) // 3, 370), (128, 133, 135), 1, cv2.LINE_AA)
    t.paste(picture, t.ground(90, 470, (70, 108, 92), 37, contrast=16), (810, 372))
    t.polygon(picture, [(1280, 462), (810, 462), (852, 372), (1280, 372)], (150, 154, 156))
    lawn = t.ground(HEIGHT, WIDTH, (66, 106, 90), 38, contrast=17)
    t.textured_polygon(picture, [(860, 376), (1280, 376), (1280, 452), (826, 452)], lawn)
    _hut(canvas, 30, 170)
    canvas.tree(1010, 40, 250, 250, 41, trunk_to=420)
    canvas.lamp_post(884, 120, 384, -50)
    return canvas.backdrop(
        lamps=(Lamp((834, 112), (700, 470), (400, 190)), Lamp((150, 170), (180, 470), (260, 130))),
        sky_y=110,
    )


def road() -> Backdrop:
    """A country road that runs towards a checkpoint's gantry."""
    picture = t.ground(HEIGHT, WIDTH, (64, 112, 98), 51, contrast=19)
    canvas = _Canvas(picture)
    t.paste(picture, t.sky(232, WIDTH, 52), (0, 0))
    hills = t.surface(70, WIDTH, (128, 122, 104), 53, contrast=5)
    t.paste(picture, hills, (0, 166), _ridge_cover(70, WIDTH, 54, 0.45))
    t.paste(picture, t.foliage(60, WIDTH, 55, tone=(66, 90, 76)), (0, 188), _hedge_cover(60, WIDTH, 56))
    asphalt = t.ground(HEIGHT - 236, WIDTH, (104, 103, 100), 57, contrast=9)
    whole = np.zeros_like(picture)
    whole[236:] = asphalt
    t.textured_polygon(picture, [(590, 236), (668, 236), (1180, 720), (70, 720)], whole)
    for far, near in ((594, 100), (664, 1150)):
        t.polygon(picture, [(far, 238), (far + 2, 238), (near + 16, 720), (near, 720)], (204, 206, 208))
    for part in range(9):
        a, b = (part / 9) ** 2.2, ((part + 0.5) / 9) ** 2.2
        ya, yb = 238 + 482 * a, 238 + 482 * b
        t.polygon(
            picture,
            [
                (629 - 5 * a, ya),
                (629 + 5 * a, ya),
                (628 + 5 * b - 4 * b, yb),
                (622 - 5 * b + 6 * (1 - b), yb),
            ],
            (210, 212, 214),
        )
    _rail(picture)
    canvas.tree(60, 90, 210, 200, 58, trunk_to=330)
    canvas.tree(980, 70, 240, 230, 59, trunk_to=340)
    canvas.lamp_post(1050, 60, 470, -120)
    return canvas.backdrop(lamps=(Lamp((930, 54), (680, 480), (420, 200)),), sky_y=160)


def wood() -> Backdrop:
    """A path between trees and bushes: the wind's playground."""
    picture = t.ground(HEIGHT, WIDTH, (58, 104, 88), 61, contrast=22)
    canvas = _Canvas(picture)
    t.paste(picture, t.sky(280, WIDTH, 62), (0, 0))
    t.paste(picture, t.foliage(130, WIDTH, 63, tone=(70, 98, 84)), (0, 190), _hedge_cover(130, WIDTH, 64))
    _raise(canvas.sway, _hedge_cover(130, WIDTH, 64) * 0.5, (0, 190))
    path = t.ground(HEIGHT, WIDTH, (128, 150, 164), 65, contrast=12)
    t.textured_polygon(picture, [(600, 300), (700, 300), (1010, 720), (240, 720)], path)
    for x, y, w, h, foot in ((-70, 20, 400, 330, 470), (330, 60, 270, 260, 370), (780, 70, 270, 250, 372),
                             (960, -20, 420, 380, 500)):  # fmt: skip
        canvas.tree(x, y, w, h, 166 + x, trunk_to=foot)
    for x, y, w, h in (
        (-40, 400, 230, 150),
        (190, 350, 150, 90),
        (930, 400, 200, 110),
        (1100, 440, 240, 170),
    ):
        cover = t.crown(h, w, 190 + x)
        t.paste(picture, t.foliage(h, w, 191 + x, tone=(48, 100, 82)), (x, y), cover)
        _raise(canvas.sway, cover, (x, y))
    return canvas.backdrop(sky_y=100)


def room() -> Backdrop:
    """A meeting room with a video conference screen."""
    picture = t.surface(HEIGHT, WIDTH, (186, 196, 202), 101, contrast=3, coarsest_px=256)
    canvas = _Canvas(picture)
    floor = t.ground(300, WIDTH, (96, 124, 152), 102, contrast=9)
    t.paste(picture, floor, (0, 420))
    cv2.rectangle(picture, (0, 412), (WIDTH, 424), (120, 132, 142), -1)
    t.paste(picture, t.saturated(t.gradient(70, WIDTH, (206, 210, 212), (222, 226, 228))), (0, 0))
    for x in (200, 560, 920):
        cv2.rectangle(picture, (x, 20), (x + 200, 40), (248, 250, 250), -1)
    t.paste(picture, t.saturated(t.gradient(190, 340, (46, 38, 34), (30, 27, 26))), (470, 140))
    cv2.rectangle(picture, (466, 136), (814, 334), (24, 24, 24), 7)
    _window_wall(canvas)
    cv2.rectangle(picture, (80, 170), (210, 416), (96, 122, 150), -1)
    cv2.rectangle(picture, (80, 170), (210, 416), (70, 92, 118), 4)
    cv2.circle(picture, (196, 300), 6, (150, 160, 168), -1, cv2.LINE_AA)
    _table(canvas)
    return canvas.backdrop()


def hall() -> Backdrop:
    """The entrance hall of a village office: glass doors, tiles, a counter."""
    picture = t.surface(HEIGHT, WIDTH, (196, 202, 206), 111, contrast=3, coarsest_px=256)
    canvas = _Canvas(picture)
    t.paste(picture, t.ground(340, WIDTH, (176, 182, 184), 112, contrast=5), (0, 380))
    for step in range(9):
        y = int(380 + 340 * (step / 9) ** 1.7)
        cv2.line(picture, (0, y), (WIDTH, y), (150, 156, 158), 1 + step // 4, cv2.LINE_AA)
    for x in range(-2600, 3900, 240):
        cv2.line(picture, (x, 720), (640 + (x - 640) // 4, 380), (154, 160, 162), 1, cv2.LINE_AA)
    outside = t.foliage(220, 380, 113, tone=(120, 160, 140))
    t.paste(picture, t.saturated(outside * 0.35 + np.asarray((158, 160, 156), np.float32)), (450, 150))
    for x in (450, 545, 640, 735, 830):
        cv2.rectangle(picture, (x - 4, 146), (x + 4, 380), (128, 130, 130), -1)
    cv2.rectangle(picture, (446, 142), (834, 154), (110, 112, 112), -1)
    cv2.rectangle(picture, (450, 366), (830, 380), (120, 122, 122), -1)
    t.paste(picture, t.surface(150, 250, (84, 112, 146), 114, contrast=8), (1000, 330))
    cv2.rectangle(picture, (990, 318), (1262, 334), (70, 84, 98), -1)
    for x, colour in ((90, (120, 70, 50)), (230, (60, 60, 140))):
        cv2.rectangle(picture, (x, 150), (x + 110, 300), (226, 228, 228), -1)
        cv2.rectangle(picture, (x + 10, 162), (x + 100, 210), colour, -1)
        for y in range(222, 292, 12):
            cv2.line(picture, (x + 12, y), (x + 96, y), (150, 150, 150), 2)
    canvas.tree(20, 300, 120, 150, 115, trunk_to=500)
    canvas.sway[:] = 0
    return canvas.backdrop()


def lookout() -> Backdrop:
    """The view from a tower over fields, a village and hills."""
    picture = t.ground(HEIGHT, WIDTH, (72, 118, 104), 121, contrast=14)
    canvas = _Canvas(picture)
    t.paste(picture, t.sky(270, WIDTH, 122), (0, 0))
    for number, (y, colour) in enumerate(
        ((150, (186, 172, 158)), (184, (160, 148, 130)), (214, (122, 124, 104)))
    ):
        hill = t.surface(120, WIDTH, colour, 123 + number, contrast=4 + 3 * number)
        t.paste(picture, hill, (0, y), _ridge_cover(120, WIDTH, 126 + number, 0.5))
    rng = np.random.default_rng(130)
    for row in range(6):
        _fields(picture, 290 + int(430 * (row / 6) ** 1.4), 290 + int(430 * ((row + 1) / 6) ** 1.4), rng)
    far_side = [(0, 452), (420, 430), (900, 452), (1280, 436)]
    near_side = [(1280, 450), (900, 468), (420, 446), (0, 470)]
    t.polygon(picture, [*far_side, *near_side], (112, 118, 118))
    for _ in range(46):
        _house(picture, rng)
    for x in range(20, WIDTH, 43):
        y = int(rng.integers(300, 700))
        w = int(14 + (y - 280) * 0.12)
        cover = t.crown(w, w, x)
        t.paste(picture, t.foliage(w, w, x + 1), (x, y - w), cover)
        _raise(canvas.sway, cover * 0.3, (x, y - w))
    return canvas.backdrop(sky_y=150)


PLACES: dict[str, Callable[[], Backdrop]] = {
    "street": street,
    "gate": gate,
    "road": road,
    "wood": wood,
    "room": room,
    "hall": hall,
    "lookout": lookout,
}


def _lens(picture: Bgr) -> Bgr:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def _darker(colour: Colour, gain: float) -> Colour:
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain)


def _raise(plane: Field, cover: Field, at: tuple[int, int]) -> None:
    x, y = at
    height, width = cover.shape
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(width, WIDTH - x), min(height, HEIGHT - y)
    region = plane[y + top : y + bottom, x + left : x + right]
    np.maximum(region, cover[top:bottom, left:right], out=region)


def _hedge_cover(height: int, width: int, seed: int) -> Field:
    edge = np.clip(0.42 + 0.13 * t.fractal(1, width, seed, coarsest_px=128, roughness=0.7)[0], 0.05, 0.9)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    return np.asarray(np.clip((rows - edge[None, :]) * height / 3, 0, 1), np.float32)


def _ridge_cover(height: int, width: int, seed: int, base: float) -> Field:
    edge = np.clip(base + 0.2 * t.fractal(1, width, seed, coarsest_px=512, roughness=0.42)[0], 0.02, 0.95)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    return np.asarray(np.clip((rows - edge[None, :]) * height, 0, 1), np.float32)


def _shop(canvas: _Canvas, x: int, y: int, w: int, h: int, colour: Colour) -> None:
    cv2.rectangle(canvas.picture, (x, y), (x + w, y + h), (92, 90, 88), -1)
    t.paste(
        canvas.picture, t.saturated(t.gradient(h - 26, w - 16, (104, 96, 88), (62, 60, 58))), (x + 8, y + 22)
    )
    cv2.rectangle(canvas.picture, (x - 4, y - 4), (x + w + 4, y + 18), colour, -1)
    cv2.line(canvas.picture, (x + w // 2, y + 22), (x + w // 2, y + h), (140, 140, 140), 3)
    canvas.windows.append((x + 10, y + 24, w - 20, h - 30))


def _steel_gate(picture: Bgr, x: int, y: int, w: int, h: int) -> None:
    t.paste(picture, t.ground(h, w, (126, 138, 140), 42, contrast=8), (x, y))
    t.paste(picture, t.foliage(86, w, 43, tone=(84, 116, 100)), (x, y))
    for bar in range(x, x + w, 15):
        cv2.line(picture, (bar, y + 10), (bar, y + h), (62, 60, 58), 4, cv2.LINE_AA)
    for rail in (y + 18, y + h // 2, y + h - 14):
        cv2.rectangle(picture, (x, rail), (x + w, rail + 6), (58, 56, 54), -1)
    cv2.rectangle(picture, (x + w // 2 - 5, y + 8), (x + w // 2 + 5, y + h), (50, 48, 47), -1)


def _hut(canvas: _Canvas, x: int, y: int) -> None:
    t.paste(canvas.picture, t.surface(210, 210, (176, 184, 190), 44, contrast=5), (x, y))
    t.polygon(canvas.picture, [(x - 22, y), (x + 232, y), (x + 214, y - 26), (x - 4, y - 26)], (96, 84, 122))
    t.paste(canvas.picture, t.saturated(t.gradient(70, 104, (126, 108, 92), (84, 76, 68))), (x + 22, y + 44))
    cv2.rectangle(canvas.picture, (x + 22, y + 44), (x + 126, y + 114), (214, 216, 218), 3)
    cv2.rectangle(canvas.picture, (x + 148, y + 50), (x + 196, y + 208), (104, 116, 128), -1)
    canvas.windows.append((x + 26, y + 48, 96, 62))


def _rail(picture: Bgr) -> None:
    for side, far, near in ((-1, 560, -180), (1, 700, 1440)):
        t.polygon(picture, [(far, 250), (far, 253), (near, 560), (near, 530)], (158, 160, 162))
        for post in range(8):
            share = (post / 8) ** 2
            x, y = far + (near - far) * share, 252 + 300 * share
            edge, foot = x + side * (2 + 8 * share), y + 50 * share + 4
            t.polygon(picture, [(x, y - 4), (edge, y - 4), (edge, foot), (x, foot)], (126, 128, 130))


def _window_wall(canvas: _Canvas) -> None:
    view = t.saturated(t.gradient(190, 280, (252, 246, 238), (226, 232, 226)))
    t.paste(canvas.picture, view, (930, 140))
    t.paste(
        canvas.picture, t.foliage(80, 280, 103, tone=(170, 206, 188)), (930, 250), _hedge_cover(80, 280, 104)
    )
    for x in (930, 1070, 1210):
        cv2.rectangle(canvas.picture, (x - 4, 136), (x + 4, 334), (232, 234, 236), -1)
    cv2.rectangle(canvas.picture, (926, 328), (1214, 340), (214, 218, 220), -1)
    for side in (904, 1206):
        t.paste(
            canvas.picture,
            t.surface(230, 34, (150, 160, 186), 105 + side, contrast=9, coarsest_px=8),
            (side, 128),
        )


def _table(canvas: _Canvas) -> None:
    board = t.surface(HEIGHT, WIDTH, (66, 96, 138), 106, contrast=7, coarsest_px=16)
    top = [(400, 520), (880, 520), (1120, 720), (160, 720)]
    t.textured_polygon(canvas.picture, top, board)
    t.polygon(canvas.picture, [(430, 528), (850, 528), (880, 552), (400, 552)], (104, 136, 172))
    for x, y, s in (
        (330, 505, 1.0),
        (250, 585, 1.25),
        (890, 505, 1.0),
        (950, 585, 1.25),
        (500, 478, 0.8),
        (700, 478, 0.8),
    ):
        w, h = int(74 * s), int(96 * s)
        t.polygon(canvas.picture, [(x, y), (x + w, y), (x + w - 4, y + h), (x + 4, y + h)], (58, 50, 46))
        t.polygon(
            canvas.picture,
            [(x + 6, y + 6), (x + w - 6, y + 6), (x + w - 9, y + h * 0.6), (x + 9, y + h * 0.6)],
            (78, 68, 62),
        )
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    t.polygon(mask, top, (255, 255, 255))
    canvas.occluder[:] = np.maximum(canvas.occluder, t.covering(mask))


def _fields(picture: Bgr, top: int, bottom: int, rng: np.random.Generator) -> None:
    x = -60
    while x < WIDTH:
        width = int(rng.integers(90, 300))
        base = np.asarray((74, 122, 106), np.float64) + rng.normal(0, 16, 3)
        patch = t.surface(
            bottom - top, width, (base[0], base[1], base[2]), int(rng.integers(1 << 30)), contrast=7
        )
        for line in range(0, bottom - top, max(3, (bottom - top) // 12)):
            patch[line] = t.saturated(patch[line] * 0.9)
        t.paste(picture, patch, (x, top))
        x += width


def _house(picture: Bgr, rng: np.random.Generator) -> None:
    x, y = int(rng.normal(520, 250)), int(rng.integers(318, 430))
    w = int(10 + (y - 290) * 0.16)
    h = int(w * 0.55)
    wall = float(rng.integers(170, 226))
    t.polygon(picture, [(x, y), (x + w, y), (x + w, y + h), (x, y + h)], (wall, wall, wall + 6))
    roof = (70 + float(rng.normal(0, 8)), 84, 140 + float(rng.normal(0, 18)))
    t.polygon(
        picture, [(x - 2, y), (x + w + 2, y), (x + w * 0.8, y - h * 0.6), (x + w * 0.2, y - h * 0.6)], roof
    )
    if w > 16:
        left, right, top, bottom = x + w * 0.2, x + w * 0.4, y + h * 0.3, y + h * 0.65
        t.polygon(picture, [(left, top), (right, top), (right, bottom), (left, bottom)], (96, 88, 82))
