"""Camera passwords, sealed in the notebook: what is written there opens with this box's key alone.

Law: a password stands nowhere on the disk unsealed; a seal is bound to its device, so that a record copied to
another device's row opens nothing. A key that is lost makes passwords to be typed again, never a crash.
Source: AES-256-GCM (NIST SP 800-38D), 96-bit random nonces.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.errors import ConfigError
from agent.model import Secret
from agent.ports import Credentials, Notebook

TOPIC = "credentials"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class SealedVault:
    """Implements Vault over a Notebook. Thread-safe as the notebook is."""

    def __init__(self, notebook: Notebook, key_file: Path) -> None:
        """Makes the key file, mode 0600, when there is none. Raises ConfigError when it cannot be read."""
        self._notebook = notebook
        self._cipher = AESGCM(_key(key_file))
        self._key_file = key_file

    def find(self, device: str) -> Credentials | None:
        """What is kept for a device. Raises ConfigError for a record this key does not open."""
        document = self._notebook.noted(device, TOPIC)
        if document is None:
            return None
        try:
            sealed = base64.b64decode(document, validate=True)
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], device.encode())
            told = json.loads(plain)
        except (InvalidTag, binascii.Error, ValueError) as error:
            problem = f"{self._key_file} 打不开，请重新输入口令 / does not open it: enter the password again"
            raise ConfigError(f"credentials of {device}", [problem]) from error
        pending = told.get("pending")
        return Credentials(
            told["username"], Secret(told["password"]), None if pending is None else Secret(pending)
        )

    def keep(self, device: str, credentials: Credentials) -> None:
        """Seal and write, in place of what was there; durable when it returns."""
        pending = credentials.pending
        plain = json.dumps(
            {
                "username": credentials.username,
                "password": credentials.password.reveal,
                "pending": None if pending is None else pending.reveal,
            }
        ).encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, device.encode())
        self._notebook.note(device, TOPIC, base64.b64encode(sealed).decode())

    def promote(self, device: str) -> None:
        """The pending password is the password now; no effect when there is none."""
        held = self.find(device)
        if held is not None and held.pending is not None:
            self.keep(device, Credentials(held.username, held.pending))

    def drop_pending(self, device: str) -> None:
        """The change did not come about; no effect when none was under way."""
        held = self.find(device)
        if held is not None and held.pending is not None:
            self.keep(device, replace(held, pending=None))


def _key(path: Path) -> bytes:
    """The key; made and synced to disk when there is none."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise ConfigError(str(path), [f"无法写入密钥文件 / cannot be written: {error}"]) from error
    with os.fdopen(handle, "wb") as file:
        _give_to_service(file.fileno(), path)
        key = secrets.token_bytes(_KEY_BYTES)
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key


def _give_to_service(handle: int, path: Path) -> None:
    """The key belongs to whom the folder belongs: made by root's command line, the service must read it."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), [f"无法读取密钥文件 / cannot be read: {error}"]) from error
    if len(key) != _KEY_BYTES:
        problem = (
            f"密钥应为 {_KEY_BYTES} 字节，实为 {len(key)} / must have {_KEY_BYTES} bytes, has {len(key)}"
        )
        raise ConfigError(str(path), [problem])
    return key
