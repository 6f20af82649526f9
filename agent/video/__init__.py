"""Video: the only room that opens streams. Law: every packet is read, few are decoded, no wait is endless."""

from __future__ import annotations

from agent.video.room import PyavRoom, VideoConfig
from agent.video.stills import still

__all__ = ["PyavRoom", "VideoConfig", "still"]
