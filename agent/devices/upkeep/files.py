"""Files of a device: its log, its backup and the way back, its firmware.

Law: newest way first (HTTP addresses of GetSystemUris, StartSystemRestore, StartFirmwareUpgrade), the
deprecated operations with attachments where a make has nothing else (``uploads``). Capabilities are not
believed: Axis and SUNBA claim wrongly. A firmware has come on when the device says its version after a
restart, whatever it answered to the upload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from agent.devices import sentences
from agent.devices.identity import read_device_information
from agent.devices.redact import redact
from agent.devices.session import plain_question
from agent.devices.settings.surface import Surface, named
from agent.devices.soap import child, child_text, element
from agent.devices.upkeep import file_sentences, uploads
from agent.devices.upkeep.power import Power
from agent.devices.upkeep.proof import Proof
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Identity

_NO_BACKUP = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_VALUE, DeviceTrouble.BAD_ANSWER)
"""How makes say that they give no backup; old Hikvision calls it a wrong argument."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """An image and what it must turn out to be."""

    file: Path
    sha256: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Restored:
    """A device after a backup was given back."""

    identity: Identity
    proof: Proof


class Files:
    """Log, backup and firmware of one device."""

    def __init__(self, surface: Surface, power: Power) -> None:
        self._surface = surface
        self._power = power

    def system_log(self) -> str:
        """The device's own log, credentials blacked out. Raises DeviceError."""
        with self._surface.lock:
            body = self._from_uri("SystemLogUris", "SystemLog", "Uri")
            if body is None:
                answer, attached = self._with_file("GetSystemLog", named("devicemgmt", "LogType", "System"))
                text = child_text(child(answer, "SystemLog"), "String")
                body = text.encode() if text else attached
        return redact(body.decode("utf-8", "replace"))

    def backup(self) -> bytes:
        """The device's configuration as it gives it, to be kept as it is. Raises DeviceError."""
        with self._surface.lock:
            body = self._from_uri("SystemBackupUri")
            if body is None:
                _, body = self._with_file("GetSystemBackup")
        if not body:
            detail = sentences.broken(self._surface.where, "backup: empty")
            raise self._surface.error(DeviceTrouble.BAD_ANSWER, detail)
        return body

    def restore(self, file: Path, *, of: Identity, force: bool = False) -> Restored:
        """Give a backup back, wait for the device and take a backup again. ``of``: whom it was taken from.

        COMPARED when the new backup is the file, byte for byte. Many makes put the time or a new key into
        each: then nothing proves it.

        Raises DeviceError: READ_ONLY; BAD_VALUE when this device is another (``force`` overrides), or when
        the device does not take the file; NOT_KEPT when the backup is still the one from before.
        """
        with self._surface.lock:
            self._require_writable("StartSystemRestore")
            present = read_device_information(self._surface.session)
            if not force and (of.vendor, of.model, of.serial) != (
                present.vendor,
                present.model,
                present.serial,
            ):
                detail = sentences.other_serial(self._surface.where, present.serial, of.serial)
                raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
        wanted, before = sha256_of(file), self._fingerprint()
        with self._surface.lock:
            doubt = uploads.bring(self._surface, uploads.RESTORE, file)
        if doubt is not None:
            raise doubt
        identity = self._power.back_again(must_go=False)
        after = self._fingerprint()
        if after == wanted:
            return Restored(identity, Proof.COMPARED)
        if after is not None and after == before:
            detail = file_sentences.not_restored(self._surface.where, file.name)
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return Restored(identity, Proof.NOT_COMPARABLE)

    def _fingerprint(self) -> str | None:
        """SHA-256 of the configuration as the device backs it up; None where it gives none."""
        try:
            return hashlib.sha256(self.backup()).hexdigest()
        except DeviceError as error:
            if error.kind not in _NO_BACKUP:
                raise
            return None

    def upgrade(self, firmware: Firmware, *, on_way: Callable[[], None] = lambda: None) -> Identity:
        """Bring a firmware on and wait for its version. Minutes long; progress is in the log. ``on_way`` is
        told before the file is sent, when nothing speaks against it.

        Raises DeviceError: READ_ONLY; BAD_VALUE for a wrong file or model (nothing is sent), or an image the
        device refuses; NOT_KEPT when it comes back with another version.
        """
        with self._surface.lock:
            self._require_writable("StartFirmwareUpgrade")
            present = read_device_information(self._surface.session)
            problem = _unfit(firmware, present)
            if problem:
                detail = f"{self._surface.where}: {problem}"
                raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
            on_way()
            doubt = uploads.bring(self._surface, uploads.FIRMWARE, firmware.file)
        after = self._back_from_upgrade(doubt)
        if after.firmware != firmware.version:
            lost = sentences.kept_instead("firmware", firmware.version, after.firmware)
            detail = sentences.not_kept(self._surface.where, [lost])
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return after

    def _back_from_upgrade(self, doubt: DeviceError | None) -> Identity:
        """Who the device is after its restart; where it did not restart, ``doubt`` says why."""
        try:
            return self._power.back_again(must_go=True)
        except DeviceError as error:
            if doubt is not None and error.kind is DeviceTrouble.NOT_KEPT:
                raise doubt from error
            raise

    def _from_uri(self, *path: str) -> bytes | None:
        """What is fetched from an address of GetSystemUris; None where the device has none."""
        try:
            answer = self._surface.ask("devicemgmt", "GetSystemUris", optional=True)
        except DeviceError as error:
            # Old Hikvision refuses what it does not have as a wrong argument.
            if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_VALUE):
                raise
            return None
        uri = child_text(answer, *path)
        if not uri:
            return None
        session = self._surface.session
        got = session.get(
            uploads.address(self._surface, uri), cap_bytes=self._surface.limits.attachment_bytes
        )
        if got.status != 200:
            detail = sentences.broken(self._surface.where, f"HTTP {got.status}")
            raise self._surface.error(DeviceTrouble.BAD_ANSWER, detail)
        return got.body

    def _with_file(self, operation: str, *parts: etree._Element) -> tuple[etree._Element, bytes]:
        session = self._surface.session
        question = plain_question(
            operation,
            session.device_service,
            element(NAMESPACES["devicemgmt"], operation, *parts),
            action=f"{NAMESPACES['devicemgmt']}/{operation}",
            cap_bytes=self._surface.limits.attachment_bytes,
        )
        if session.account.clock_error_s is None:
            session.clock()
        opened, attached = session.ask_for_file(question)
        assert opened.content is not None
        return opened.content, attached

    def _require_writable(self, operation: str) -> None:
        if not self._surface.writable:
            detail = sentences.read_only(self._surface.where, operation)
            raise self._surface.error(DeviceTrouble.READ_ONLY, detail)


def sha256_of(file: Path) -> str:
    """The file's SHA-256 in hex, read piece by piece."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _unfit(firmware: Firmware, present: Identity) -> str:
    """Why an image must not be sent to this device; "" when it may."""
    if not firmware.file.is_file():
        return sentences.no_file(str(firmware.file))
    if sha256_of(firmware.file) != firmware.sha256.lower():
        return sentences.wrong_hash(firmware.file.name)
    if firmware.model != present.model:
        return sentences.wrong_model(firmware.model, present.model)
    return ""
