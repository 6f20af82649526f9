"""What a box may send as evidence: a whole JPEG, or a whole MP4 with pictures and no sound."""

from __future__ import annotations

from typing import Final

JPEG: Final = "image/jpeg"
MP4: Final = "video/mp4"

MOST_BYTES: Final = {JPEG: 512 * 1024, MP4: 4 * 1024 * 1024}
"""One still, one clip."""
LARGEST_BYTES: Final = max(MOST_BYTES.values())

_HEADER_BYTES: Final = 8
_BOXES: Final = frozenset({b"ftyp", b"moov", b"moof", b"mdat", b"mfra", b"free", b"sidx", b"styp"})
"""Top-level boxes of a clip (ISO/IEC 14496-12)."""
_SOUND: Final = b"soun"
"""Handler of a sound track (14496-12, 12.2)."""


def media_type(content: bytes) -> str | None:
    """What it is; None when it is neither, or not whole."""
    if content.startswith(b"\xff\xd8\xff") and content.rstrip(b"\0").endswith(b"\xff\xd9"):
        return JPEG
    return MP4 if _is_clip(content) else None


def _is_clip(content: bytes) -> bool:
    """``ftyp`` first, then boxes without a hole up to the last byte, a header with pictures, and no sound."""
    boxes, at = [], 0
    while at + _HEADER_BYTES <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if size < _HEADER_BYTES or kind not in _BOXES:
            return False
        boxes.append((kind, content[at : at + size] if kind == b"moov" else b""))
        at += size
    if at != len(content) or not boxes or boxes[0][0] != b"ftyp":
        return False
    headers = [box for kind, box in boxes if kind == b"moov"]
    return len(headers) == 1 and b"vide" in headers[0] and _SOUND not in headers[0]
