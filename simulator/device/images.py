"""Decides what a firmware image and a backup of a simulated device look like, and which are taken.

Both are one line of magic, one line of JSON, and padding. A firmware image names the model it is for and its
version; a backup names the serial it was taken from and holds what SystemRestore puts back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

FIRMWARE = b"SIMFW1\n"
BACKUP = b"SIMBK1\n"


class ImageRefused(ValueError):
    """The bytes are no image for this device."""


def firmware(model: str, version: str, *, padding_bytes: int = 0) -> bytes:
    """An image that devices of ``model`` take."""
    return (
        FIRMWARE + json.dumps({"model": model, "version": version}).encode() + b"\n" + b"\0" * padding_bytes
    )


def version_of(image: bytes, *, model: str) -> str:
    """The version an image would bring. Raises ImageRefused."""
    told = _told(image, FIRMWARE)
    if told.get("model") != model:
        raise ImageRefused(f"for {told.get('model')}, not {model}")
    return str(told.get("version"))


def backup(serial: str, kept: Mapping[str, object]) -> bytes:
    """A backup."""
    return BACKUP + json.dumps({"serial": serial, "kept": dict(kept)}).encode() + b"\n"


def kept_in(image: bytes, *, serial: str) -> Mapping[str, object]:
    """What a backup puts back. Raises ImageRefused."""
    told = _told(image, BACKUP)
    if told.get("serial") != serial:
        raise ImageRefused("of another device")
    kept = told.get("kept")
    return kept if isinstance(kept, dict) else {}


def _told(image: bytes, magic: bytes) -> Mapping[str, object]:
    if not image.startswith(magic):
        raise ImageRefused("unknown format")
    try:
        told = json.loads(image[len(magic) :].partition(b"\n")[0])
    except ValueError as error:
        raise ImageRefused("damaged") from error
    return told if isinstance(told, dict) else {}
