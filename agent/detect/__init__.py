"""Detection: frames in, findings out. Law: pure; nothing is opened, times come with the frames."""

from __future__ import annotations

from agent.detect.confirm import ConfirmConfig, EventDebouncer, Moment, PictureState, PictureVerdict
from agent.detect.scene_judge import DetectConfig, SceneJudge

__all__ = [
    "ConfirmConfig",
    "DetectConfig",
    "EventDebouncer",
    "Moment",
    "PictureState",
    "PictureVerdict",
    "SceneJudge",
]
