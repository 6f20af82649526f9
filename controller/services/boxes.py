"""Boxes are registered and revoked by people, never by a message."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from pathlib import Path

from controller.db import boxes, intervals
from controller.db.transaction import Transaction
from controller.domain.health import STARTING
from controller.domain.intervals import Cause, Stretch
from protocol.ids import is_id

KEY_BYTES = 32


class BoxRefused(ValueError):
    """The box cannot be registered as asked; the message says why in both languages."""


def register(
    transaction: Transaction, *, box_id: str, title: str, civil_code: str, mac_key: bytes, now: datetime
) -> None:
    """Let a box in. Raises BoxRefused for an id in use, an ill-formed id, place or key."""
    if not is_id(box_id):
        raise BoxRefused(
            f"盒编号 {box_id!r} 只能用小写字母、数字和减号，1 至 40 个。 id must match [a-z0-9-]{{1,40}}"
        )
    if not civil_code.isascii() or not civil_code.isdigit() or not 6 <= len(civil_code) <= 15:
        raise BoxRefused(
            f"行政区划代码 {civil_code!r} 应为 6 至 15 位数字。 civil code must be 6 to 15 digits"
        )
    if len(mac_key) != KEY_BYTES:
        raise BoxRefused(
            f"密钥应为 {KEY_BYTES} 字节，实为 {len(mac_key)}。 the key must be {KEY_BYTES} bytes"
        )
    if boxes.get(transaction.connection, box_id) is not None:
        raise BoxRefused(f"盒编号 {box_id} 已登记。 box {box_id} is registered already")
    boxes.add(
        transaction.connection, box_id=box_id, title=title, civil_code=civil_code, mac_key=mac_key, at=now
    )
    begun = Stretch(now, None, STARTING, Cause.REGISTERED)
    intervals.save(transaction.connection, intervals.BOX, {}, {box_id: (begun,)})


def revoke(transaction: Transaction, box_id: str) -> None:
    """Stop believing a box, from its next message on. Raises BoxRefused when there is none."""
    if not boxes.set_revoked(transaction.connection, box_id, revoked=True):
        raise BoxRefused(f"没有登记盒 {box_id}。 no box {box_id} is registered")


def read_key(path: Path) -> bytes:
    """The key in a file: 32 bytes in base64. Raises BoxRefused that names the file, never the key."""
    try:
        return base64.b64decode(path.read_text("ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise BoxRefused(
            f"密钥文件 {path} 无法读取（应为 base64 的 {KEY_BYTES} 字节）。"
            f" key file {path} cannot be read ({type(error).__name__}): {KEY_BYTES} bytes in base64 expected"
        ) from error
