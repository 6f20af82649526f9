"""Frigate's own motion detector, where FRIGATE_SRC names a checkout of it. None of it is here.

It is loaded from its file, with stand-ins for the modules of Frigate it imports, so that it runs without the
rest. It needs scipy: install that apart and name the folder in PYTHONPATH.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

_FILE: Final = "frigate/motion/improved_motion.py"
_DEFAULTS: Final = {
    "enabled": True,
    "threshold": 30,
    "lightning_threshold": 0.8,
    "skip_motion_threshold": None,
    "improve_contrast": True,
    "contour_area": 10,
    "delta_alpha": 0.2,
    "frame_alpha": 0.01,
    "frame_height": 100,
}
"""Frigate's documented defaults of a camera's ``motion`` section."""


class Detector(Protocol):
    """Boxes of what moves in a picture of planes (height * 3 / 2, width)."""

    def detect(self, frame: npt.NDArray[np.uint8]) -> list[tuple[int, int, int, int]]: ...


def why_not() -> str:
    """Why its own detector is not used; empty when it is."""
    source = os.environ.get("FRIGATE_SRC", "")
    if not source:
        return "FRIGATE_SRC names no checkout of Frigate"
    if not (Path(source) / _FILE).is_file():
        return f"{source} holds no {_FILE}"
    if importlib.util.find_spec("scipy") is None:
        return "Frigate's detector needs scipy, which is not installed here"
    return ""


def frigate_detector(width: int, height: int) -> Detector | None:
    """Its detector at its defaults for pictures of this size; None when ``why_not`` says so."""
    if why_not():
        return None
    config = SimpleNamespace(**_DEFAULTS, rasterized_mask=np.full((height, width), 255, np.uint8))
    detector: Detector = _loaded().ImprovedMotionDetector((height, width), config, fps=5)
    return detector


@functools.cache
def _loaded() -> Any:
    for name in ("frigate", "frigate.camera", "frigate.config", "frigate.config.config", "frigate.util"):
        sys.modules.setdefault(name, ModuleType(name))
    stand_ins: dict[str, dict[str, object]] = {
        "frigate.camera": {"PTZMetrics": object},
        "frigate.config.config": {"RuntimeMotionConfig": object},
        "frigate.motion": {"MotionDetector": object},
        "frigate.util.image": {"grab_cv2_contours": lambda found: found[0] if len(found) == 2 else found[1]},
    }
    for name, content in stand_ins.items():
        module = sys.modules.setdefault(name, ModuleType(name))
        vars(module).update(content)
    spec = importlib.util.spec_from_file_location("frigate_motion", Path(os.environ["FRIGATE_SRC"]) / _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
