"""What moves: a person, a vehicle, an animal. Law: never who; a model that could tell is never run.

The model is the operator's own ONNX file, known by its SHA-256. It is run only where something moves, at most
so many times a second for the whole box, and never waited for.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from agent.detect.background import Blob
from agent.detect.object_kinds import ModelRefused, kinds_of
from agent.model import Finding, Image, ObjectKind, Rectangle
from protocol.words import SceneTopic
from runtime.pace import Pace

_MOST_ROWS = 200_000
_MARGIN = 0.3
"""What surrounds a blob helps to tell what it is, and a blob is rarely the whole of it."""
_LEAST_CROP_PX = 12
_LOOKS_A_FRAME = 2


class Layout(StrEnum):
    """How a model's output is laid out."""

    YOLO8 = "yolo8"
    """(1, 4 + classes, boxes): centre, size in input pixels, then one score a class."""
    YOLO5 = "yolo5"
    """(1, boxes, 5 + classes): centre, size, objectness, then one score a class."""
    SSD = "ssd"
    """(1, 1, boxes, 7): image, class, score, left, top, right, bottom as shares."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the operator says of a model."""

    sha256: str
    classes: tuple[str, ...]
    """In the order of the model's output."""
    width_px: int
    height_px: int
    layout: Layout = Layout.YOLO8
    least_score: float = 0.4


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing in a picture; box in shares of that picture."""

    kind: ObjectKind
    score: float
    box: Rectangle


class ObjectModel:
    """A loaded model. ``look`` may be called by one thread at a time."""

    def __init__(self, onnx: bytes, spec: ModelSpec) -> None:
        """Load it. Raises ModelRefused: another hash, a class of identity, no such model, another output."""
        found = hashlib.sha256(onnx).hexdigest()
        if found != spec.sha256.lower():
            raise ModelRefused(
                f"模型文件的 SHA-256 是 {found}，与配置不符，请核对文件来源 / "
                f"the model's SHA-256 is {found}, not what the configuration says; "
                "check where the file came from"
            )
        self._kinds = kinds_of(spec.classes)
        self._spec = spec
        self._net = _net(onnx)
        self._try_out()

    def look(self, image: Image) -> tuple[Seen, ...]:
        """The best of each kind in a picture, grey or BGR, of any size."""
        rows = self._rows(image)
        best: dict[ObjectKind, Seen] = {}
        for number, scores, boxes in self._by_class(rows):
            kind = self._kinds[number]
            if kind is None or not scores.size:
                continue
            place = int(np.argmax(scores))
            score = float(scores[place])
            if score >= self._spec.least_score and (kind not in best or score > best[kind].score):
                best[kind] = Seen(kind, min(score, 1.0), _inside(boxes[place]))
        return tuple(best.values())

    def _by_class(
        self, rows: npt.NDArray[np.float32]
    ) -> list[tuple[int, npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """For each class its number, the scores, and the boxes as shares: left, top, right, bottom."""
        count = len(self._kinds)
        if self._spec.layout is Layout.SSD:
            numbers = rows[:, 1].astype(np.int64)
            return [(n, rows[numbers == n, 2], rows[numbers == n, 3:7]) for n in range(count)]
        size = np.array([self._spec.width_px, self._spec.height_px], np.float32)
        middle, half = rows[:, 0:2] / size, rows[:, 2:4] / size / 2
        boxes = np.concatenate([middle - half, middle + half], axis=1)
        if self._spec.layout is Layout.YOLO5:
            return [(n, rows[:, 4] * rows[:, 5 + n], boxes) for n in range(count)]
        return [(n, rows[:, 4 + n], boxes) for n in range(count)]

    def _rows(self, image: Image) -> npt.NDArray[np.float32]:
        """The model's output, one row a box; what is no number is 0."""
        colour = image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        blob = cv2.dnn.blobFromImage(
            colour, 1 / 255.0, (self._spec.width_px, self._spec.height_px), swapRB=True, crop=False
        )
        self._net.setInput(blob)
        out = np.nan_to_num(np.asarray(self._net.forward(), np.float32), posinf=0.0, neginf=0.0)
        if self._spec.layout is Layout.YOLO8:
            return np.asarray(out[0].T, np.float32)
        return np.asarray(out[0] if self._spec.layout is Layout.YOLO5 else out[0, 0], np.float32)

    def _try_out(self) -> None:
        count, layout = len(self._kinds), self._spec.layout
        dimensions = 4 if layout is Layout.SSD else 3
        columns = {Layout.YOLO8: 4 + count, Layout.YOLO5: 5 + count, Layout.SSD: 7}[layout]
        blank = np.zeros((self._spec.height_px, self._spec.width_px, 3), np.uint8)
        blob = cv2.dnn.blobFromImage(blank, 1 / 255.0)
        try:
            self._net.setInput(blob)
            shape = np.asarray(self._net.forward()).shape
        except cv2.error as error:
            raise ModelRefused(
                f"模型不接受 {self._spec.width_px}x{self._spec.height_px} 的输入，请核对尺寸 / "
                f"the model does not take {self._spec.width_px}x{self._spec.height_px} px "
                f"({_first_line(error)}); check its size"
            ) from error
        width = shape[1] if layout is Layout.YOLO8 and len(shape) == 3 else (shape or (0,))[-1]
        if len(shape) != dimensions or width != columns or int(np.prod(shape)) // max(width, 1) > _MOST_ROWS:
            raise ModelRefused(
                f"模型输出 {shape} 与 {layout}、{count} 个类别不符，请核对 layout 和 classes / "
                f"the output {shape} is not {layout} with {count} classes; check layout and classes"
            )


class ObjectDesk:
    """One model for all streams of the box: taken in turns, so many runs a second, nobody waits."""

    def __init__(self, model: ObjectModel, *, runs_per_s: float) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._pace = Pace(burst=max(1, round(runs_per_s)), every_s=1.0 / runs_per_s)
        self.runs = 0
        self.passed_over = 0
        """Looks there was no room for, so far."""

    def look(self, crop: Image, *, at_s: float) -> tuple[Seen, ...] | None:
        """What the model sees; None when there is no room for a look now."""
        if not self._lock.acquire(blocking=False):
            self.passed_over += 1
            return None
        try:
            if self._pace.wait_s(at_s) > 0:
                self.passed_over += 1
                return None
            self._pace.take(at_s)
            self.runs += 1
            return self._model.look(crop)
        finally:
            self._lock.release()


class ObjectLook:
    """One stream's looks at what moves in it."""

    def __init__(self, desk: ObjectDesk) -> None:
        self._desk = desk

    def see(
        self, image: Image, blobs: Sequence[Blob], *, at_s: float
    ) -> tuple[tuple[Finding, ...], dict[Rectangle, Seen]]:
        """Findings for each kind, and what each blob is by its box, as far as there was room to look."""
        if not blobs:
            return tuple(_absent(kind, "nothing moves") for kind in ObjectKind), {}
        best: dict[ObjectKind, Seen] = {}
        what: dict[Rectangle, Seen] = {}
        looked = 0
        for blob in blobs[:_LOOKS_A_FRAME]:
            part = crop_of(image, blob.box)
            seen = None if part is None else self._desk.look(part[0], at_s=at_s)
            if seen is None or part is None:
                continue
            looked += 1
            for one in (replace(one, box=_placed(one.box, part[1])) for one in seen):
                if one.kind not in best or one.score > best[one.kind].score:
                    best[one.kind] = one
                if blob.box not in what or one.score > what[blob.box].score:
                    what[blob.box] = one
        if not looked:
            return (), {}
        return (
            tuple(_finding(best[kind]) if kind in best else _absent(kind, "not seen") for kind in ObjectKind),
            what,
        )


def with_kinds(findings: Sequence[Finding], what: dict[Rectangle, Seen]) -> tuple[Finding, ...]:
    """Findings about a blob that was looked at say what it is."""
    return tuple(
        replace(finding, kind=what[finding.box].kind, kind_score=what[finding.box].score)
        if finding.box is not None and finding.box in what
        else finding
        for finding in findings
    )


def crop_of(image: Image, box: Rectangle) -> tuple[Image, Rectangle] | None:
    """The part of a picture around a box, and where it is; None when it is too small to tell anything."""
    height, width = image.shape[:2]
    more_x, more_y = _MARGIN * (box.right - box.left), _MARGIN * (box.bottom - box.top)
    left, right = int(max(0.0, box.left - more_x) * width), int(min(1.0, box.right + more_x) * width)
    top, bottom = int(max(0.0, box.top - more_y) * height), int(min(1.0, box.bottom + more_y) * height)
    if right - left < _LEAST_CROP_PX or bottom - top < _LEAST_CROP_PX:
        return None
    place = Rectangle(left / width, top / height, right / width, bottom / height)
    return image[top:bottom, left:right], place


def _net(onnx: bytes) -> cv2.dnn.Net:
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(onnx, np.uint8))
    except cv2.error as error:
        raise ModelRefused(
            f"无法载入模型，请确认是 ONNX 文件（{_first_line(error)}） / "
            f"the model cannot be loaded ({_first_line(error)}); is it an ONNX file?"
        ) from error
    if net.empty():
        raise ModelRefused("模型是空的，请换一个 ONNX 文件 / the model is empty; use another ONNX file")
    return net


def _first_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:80]


def _inside(box: npt.NDArray[np.float32]) -> Rectangle:
    left, top, right, bottom = (float(v) for v in np.clip(box, 0.0, 1.0))
    return Rectangle(min(left, right), min(top, bottom), max(left, right), max(top, bottom))


def _placed(box: Rectangle, part: Rectangle) -> Rectangle:
    width, height = part.right - part.left, part.bottom - part.top
    return Rectangle(
        part.left + box.left * width,
        part.top + box.top * height,
        part.left + box.right * width,
        part.top + box.bottom * height,
    )


def _finding(seen: Seen) -> Finding:
    return Finding(
        SceneTopic.OBJECT_DETECTED,
        True,
        seen.score,
        f"{seen.kind} {seen.score:.2f}",
        box=seen.box,
        kind=seen.kind,
        kind_score=seen.score,
    )


def _absent(kind: ObjectKind, reason: str) -> Finding:
    return Finding(SceneTopic.OBJECT_DETECTED, False, 0.0, reason, kind=kind)
