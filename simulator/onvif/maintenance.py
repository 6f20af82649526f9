"""Answers what keeps a device going: log, backup, restore, firmware, factory default, restart.

    StartFirmwareUpgrade ──> UploadUri ──POST──> 200, restart, new version (415: no image of ours)
    StartSystemRestore   ──> UploadUri ──POST──> 200, restart
    GetSystemUris        ──> GET of log and backup, with the log-in of the device

Old makes have only the MTOM operations (ONVIF Core 8.8, deprecated): the image comes as an attachment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.device import images
from simulator.device.device import Device
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, node

TDS = NAMESPACES["tds"]
LOG_PATH = "/system/log"
BACKUP_PATH = "/system/backup"
FIRMWARE_PATH = "/system/upload/firmware"
RESTORE_PATH = "/system/upload/restore"
_XOP = 'href="cid:{name}" xmlns:xop="http://www.w3.org/2004/08/xop/include"'
ATTACHED = "payload"


def get_system_uris(device: Device, _request: SoapRequest) -> Xml:
    """Where log and backup are fetched."""
    _require(device.personality.system_uris)
    log = node("tt:SystemLog", node("tt:Type", "System"), node("tt:Uri", device.url(LOG_PATH)))
    return node(
        "tds:GetSystemUrisResponse",
        node("tds:SystemLogUris", log),
        node("tds:SystemBackupUri", device.url(BACKUP_PATH)),
    )


def get_system_log(device: Device, _request: SoapRequest) -> Xml:
    """The log as text, or as an attachment on makes that know MTOM alone."""
    if device.personality.mtom:
        device.attachment = system_log(device)
        return node("tds:GetSystemLogResponse", node("tds:SystemLog", _binary()))
    text = system_log(device).decode()
    return node("tds:GetSystemLogResponse", node("tds:SystemLog", node("tt:String", text)))


def get_system_backup(device: Device, _request: SoapRequest) -> Xml:
    """The deprecated way: the backup as an attachment."""
    _require(device.personality.mtom)
    device.attachment = system_backup(device)
    return node(
        "tds:GetSystemBackupResponse",
        node("tds:BackupFiles", node("tt:Name", "configurationFile"), _data("tt:Data")),
    )


def restore_system(device: Device, _request: SoapRequest) -> Xml:
    """The deprecated way back: the first attachment of the request."""
    _require(device.personality.mtom)
    if not restored(device, device.received):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidBackupFile", reason="Invalid backup file")
    return node("tds:RestoreSystemResponse")


def upgrade_system_firmware(device: Device, _request: SoapRequest) -> Xml:
    """The deprecated upgrade: the image is the attachment."""
    _require(device.personality.mtom)
    if not upgraded(device, device.received):
        raise SoapFault("Sender", "ter:InvalidArgs", "ter:InvalidFirmware", reason="Invalid firmware")
    return node("tds:UpgradeSystemFirmwareResponse", node("tds:Message", "upgrading"))


def start_firmware_upgrade(device: Device, _request: SoapRequest) -> Xml:
    """Where the image is posted, and how long the device will be away."""
    _require(device.personality.http_upgrade)
    return node(
        "tds:StartFirmwareUpgradeResponse",
        node("tds:UploadUri", device.url(FIRMWARE_PATH)),
        node("tds:UploadDelay", "PT0S"),
        node("tds:ExpectedDownTime", "PT5S"),
    )


def start_system_restore(device: Device, _request: SoapRequest) -> Xml:
    """Where the backup is posted."""
    _require(device.personality.system_uris)
    return node(
        "tds:StartSystemRestoreResponse",
        node("tds:UploadUri", device.url(RESTORE_PATH)),
        node("tds:ExpectedDownTime", "PT5S"),
    )


def set_factory_default(device: Device, request: SoapRequest) -> Xml:
    """Settings as from the factory; Hard takes the accounts too. The device restarts."""
    kind = request.require("FactoryDefault")
    if kind not in ("Soft", "Hard"):
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"FactoryDefault {kind}")
    device.reset(hard=kind == "Hard")
    device.on_reboot()
    return node("tds:SetSystemFactoryDefaultResponse")


def system_log(device: Device) -> bytes:
    """Some lines."""
    lines = [f"{entry['at']} {entry['operation']} {entry['status']}" for entry in device.last_requests]
    return "\n".join([f"{device.identity.model} started", *lines, ""]).encode()


def system_backup(device: Device) -> bytes:
    """What restore puts back."""
    return images.backup(device.identity.serial, device.kept())


def restored(device: Device, image: bytes) -> bool:
    """Put a backup back and restart; False when it is none of this device's."""
    try:
        kept = images.kept_in(image, serial=device.identity.serial)
    except images.ImageRefused:
        return False
    if not device.faults.lying_set:
        device.put_back(kept)
    device.on_reboot()
    return True


def upgraded(device: Device, image: bytes) -> bool:
    """Take a firmware image and restart with its version; False when it is not for this model."""
    try:
        version = images.version_of(image, model=device.identity.model)
    except images.ImageRefused:
        return False
    if not device.faults.lying_set:
        device.take_firmware(version)
    device.on_reboot()
    return True


UPLOADS: Mapping[str, Callable[[Device, bytes], bool]] = {FIRMWARE_PATH: upgraded, RESTORE_PATH: restored}
DOWNLOADS: Mapping[str, Callable[[Device], bytes]] = {LOG_PATH: system_log, BACKUP_PATH: system_backup}


def _require(has: bool) -> None:
    if not has:
        raise NotHere


class NotHere(Exception):
    """This make does not have the operation; it is answered in the make's own shape."""


def _binary() -> Xml:
    return _data("tt:Binary")


def _data(tag: str) -> Xml:
    mime = {
        "xmlns:xmime": "http://www.w3.org/2005/05/xmlmime",
        "xmime:contentType": "application/octet-stream",
    }
    return node(tag, mime, Xml(f"<xop:Include {_XOP.format(name=ATTACHED)}/>"))


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TDS, "GetSystemUris"): get_system_uris,
    (TDS, "GetSystemLog"): get_system_log,
    (TDS, "GetSystemBackup"): get_system_backup,
    (TDS, "RestoreSystem"): restore_system,
    (TDS, "UpgradeSystemFirmware"): upgrade_system_firmware,
    (TDS, "StartFirmwareUpgrade"): start_firmware_upgrade,
    (TDS, "StartSystemRestore"): start_system_restore,
    (TDS, "SetSystemFactoryDefault"): set_factory_default,
}
