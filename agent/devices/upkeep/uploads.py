"""How a file gets into a device: by HTTP to an address it names, else beside a SOAP envelope (MTOM).

    Start… ──UploadUri──> wait as told ──> POST
      └──not there, in any shape──> the deprecated operation, the file as its attachment

Law: the file is streamed from disk and carried out at most once; what was sent and not answered is in doubt,
and only the device can decide it. Capabilities are not believed where the device answers otherwise; they only
say how an unclear refusal is meant (SUNBA, XM claim HttpFirmwareUpgrade both ways).
Source: ONVIF Core 8.8; RestoreSystem and UpgradeSystemFirmware are deprecated and all that old makes have.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from agent.devices import attachments, sentences
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.durations import seconds_of
from agent.devices.session import plain_question
from agent.devices.settings.surface import SCHEMA, Surface
from agent.devices.soap import Fault, child, child_text, element
from agent.devices.upkeep import file_sentences
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

log = logging.getLogger(__name__)

_TDS = NAMESPACES["devicemgmt"]
_LONGEST_DELAY_S = 120.0
_IN_DOUBT = (DeviceTrouble.HUNG, DeviceTrouble.BAD_ANSWER)
_FILE_REFUSED = frozenset(
    {"InvalidFirmware", "InvalidBackupFile", "InvalidArgs", "InvalidArgVal", "FirmwareUpgradeFailed"}
)
_BACKUP_NAME = "BackupFile"
"""What Hikvision itself calls it (DS-2CD2012-I, recorded); others do not look."""


@dataclass(frozen=True, slots=True)
class Way:
    """The two operations that bring one kind of file, and the capability that claims the newer one."""

    start: str
    attached: str
    capability: str


FIRMWARE = Way("StartFirmwareUpgrade", "UpgradeSystemFirmware", "HttpFirmwareUpgrade")
RESTORE = Way("StartSystemRestore", "RestoreSystem", "HttpSystemBackup")


def bring(surface: Surface, way: Way, file: Path) -> DeviceError | None:
    """Give a file to the device. None: it took it; an error: it may have, and only it can tell.

    Raises DeviceError when it did not: READ_ONLY, NOT_SUPPORTED, BAD_VALUE for a file it does not take.
    """
    started = _started(surface, way)
    try:
        if started is None:
            _attach(surface, way, file)
        else:
            _post(surface, way, file, started)
    except _InDoubt as error:
        log.warning("device=%s kind=%s upload is in doubt: %s", error.device, error.kind, error.detail)
        return error
    return None


def _started(surface: Surface, way: Way) -> etree._Element | None:
    """The answer that names where to; None where the device does not have this way."""
    try:
        answer = surface.ask("devicemgmt", way.start)
    except DeviceError as error:
        # It has no arguments: a wrong one means that it is not there (old Hikvision).
        if error.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_VALUE):
            return None
        if error.kind is DeviceTrouble.BAD_ANSWER and _disclaims(surface, way):
            return None
        raise
    return answer if child_text(answer, "UploadUri") else None  # onvif_srvd: an empty answer


def _disclaims(surface: Surface, way: Way) -> bool:
    """Whether the device says of itself that it does not have the newer way."""
    try:
        answer = surface.ask("devicemgmt", "GetServiceCapabilities", optional=True)
    except DeviceError:
        return False
    system = child(answer, "Capabilities", "System")
    return system is not None and (system.get(way.capability) or "").strip() in ("false", "0")


def _post(surface: Surface, way: Way, file: Path, started: etree._Element) -> None:
    endpoint = address(surface, child_text(started, "UploadUri"))
    time.sleep(min(seconds_of(child_text(started, "UploadDelay")) or 0.0, _LONGEST_DELAY_S))
    with file.open("rb") as content:
        try:
            got = surface.session.upload(way.start, endpoint, content, size_bytes=file.stat().st_size)
        except DeviceError as error:
            raise _doubted(error) from error
    if got.status == 415:
        raise surface.error(DeviceTrouble.BAD_VALUE, sentences.image_refused(surface.where, file.name))
    if got.status >= 400:
        raise surface.error(DeviceTrouble.BAD_ANSWER, sentences.upload_failed(surface.where, got.status))


def _attach(surface: Surface, way: Way, file: Path) -> None:
    session = surface.session
    question = plain_question(
        way.attached,
        session.device_service,
        element(_TDS, way.attached, _parameter(way)),
        action=f"{_TDS}/{way.attached}",
    )
    with file.open("rb") as content:
        try:
            opened = session.ask_with_file(question, content, size_bytes=file.stat().st_size)
        except DeviceError as error:
            raise _doubted(error) from error
    if opened.fault is not None:
        raise _refused(surface, way, file, opened.fault)


def _parameter(way: Way) -> etree._Element:
    if way is FIRMWARE:
        return element(_TDS, "Firmware", attachments.include())
    name = element(SCHEMA, "Name", text=_BACKUP_NAME)
    return element(_TDS, "BackupFiles", name, element(SCHEMA, "Data", attachments.include()))


def _refused(surface: Surface, way: Way, file: Path, fault: Fault) -> DeviceError:
    where, said = surface.where, surface.session.words_of(fault)
    if fault.not_supported:
        detail = file_sentences.no_way(where, way.start, way.attached)
        return surface.error(DeviceTrouble.NOT_SUPPORTED, detail)
    if _FILE_REFUSED.intersection(fault.codes):
        return surface.error(DeviceTrouble.BAD_VALUE, file_sentences.file_refused(where, file.name, said))
    return surface.error(DeviceTrouble.BAD_ANSWER, sentences.fault(where, way.attached, said))


def address(surface: Surface, uri: str) -> Endpoint:
    """An address the device returned, on the enrolled host. Raises DeviceError."""
    try:
        return http_endpoint(uri, surface.device)
    except AddressRefused as error:
        detail = sentences.bad_address(surface.where, str(error))
        raise surface.error(DeviceTrouble.BAD_ANSWER, detail) from error


def _doubted(error: DeviceError) -> DeviceError:
    """``error`` as one that leaves the outcome open, where it does."""
    return _InDoubt(error.kind, error.device, error.detail) if error.kind in _IN_DOUBT else error


class _InDoubt(DeviceError):
    """The file was on its way when the device fell silent."""
