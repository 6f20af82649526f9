"""Commands that care for a device: restart, log, backup, restore, firmware, accounts, clock.

Law: what interrupts or cannot be undone is asked back, or confirmed with ``--yes``; factory default wants the
serial number. A backup is written with a document beside it that says whose it is.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
from functools import partial
from pathlib import Path

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.devices.upkeep import file_sentences
from agent.devices.upkeep.files import Firmware, sha256_of
from agent.devices.upkeep.proof import Proof
from agent.errors import ConfigError
from agent.model import Device, Identity
from runtime.files import write_atomic

EXIT_OK, EXIT_REFUSED = 0, 3


def reboot(desk: Desk, options: argparse.Namespace) -> int:
    """Restart a device and wait until it is back."""
    device = desk.device(options.device)
    if not confirmed(
        desk, options, f"重启 {device.id}（约 1 分钟无画面） / restart it, no picture for a minute"
    ):
        return EXIT_REFUSED
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        said = f"{device.id}: 正在重启，等待恢复 / restarting, waiting for it"
        identity = upkeep.power.reboot(on_way=partial(desk.paper.line, said))
    desk.paper.document({"device": device.id, "identity": identity})
    desk.paper.line(f"{device.id}: 已恢复 / it is back")
    return EXIT_OK


def system_log(desk: Desk, options: argparse.Namespace) -> int:
    """The device's own log, to standard output."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        text = upkeep.files.system_log()
    desk.paper.document({"device": device.id, "log": text})
    if not desk.paper.as_json:
        desk.paper.line(text)
    return EXIT_OK


def backup(desk: Desk, options: argparse.Namespace) -> int:
    """The device's configuration into a file, and whose it is beside it."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.open(device)) as adapter:
        identity = adapter.identity()
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        content = upkeep.files.backup()
    path = options.output or Path(f"{device.id}.backup")
    told = {name: getattr(identity, name) for name in ("vendor", "model", "firmware", "serial")}
    write_atomic(path, content)
    write_atomic(_beside(path), json.dumps(told, ensure_ascii=False).encode())
    digest = hashlib.sha256(content).hexdigest()
    desk.paper.document({"device": device.id, "file": path, "bytes": len(content), "sha256": digest, **told})
    desk.paper.line(f"{path}: {len(content)} 字节 bytes, sha256 {digest}")
    return EXIT_OK


def restore(desk: Desk, options: argparse.Namespace) -> int:
    """Give a backup back to the device it was taken from."""
    device = desk.device(options.device)
    try:
        told = json.loads(_beside(options.file).read_text("utf-8"))
        of = Identity(vendor=told["vendor"], model=told["model"], serial=told["serial"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"缺少说明文件，不知道属于哪台设备 / no document beside it says whose it is: {error}"
        raise ConfigError(str(_beside(options.file)), [problem]) from error
    if not confirmed(desk, options, f"把 {options.file} 恢复到 {device.id} / give the backup back to it"):
        return EXIT_REFUSED
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        done = upkeep.files.restore(options.file, of=of, force=options.force)
    desk.paper.document({"device": device.id, "identity": done.identity, "proof": done.proof})
    told = file_sentences.restored if done.proof is Proof.COMPARED else file_sentences.restore_open
    desk.paper.line(told(device.id))
    return EXIT_OK


def upgrade(desk: Desk, options: argparse.Namespace) -> int:
    """Bring a firmware on; minutes long."""
    device = desk.device(options.device)
    if not options.file.is_file():
        raise ConfigError(str(options.file), ["文件不存在 / no such file"])
    firmware = Firmware(
        options.file, options.sha256 or sha256_of(options.file), options.model, options.version
    )
    if not confirmed(
        desk, options, f"升级 {device.id} 到 {options.version}，期间不得断电 / do not cut its power"
    ):
        return EXIT_REFUSED
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        said = f"{device.id}: 正在上传并等待重启 / uploading, then waiting for the restart"
        identity = upkeep.files.upgrade(firmware, on_way=partial(desk.paper.line, said))
    desk.paper.document({"device": device.id, "identity": identity})
    desk.paper.line(f"{device.id}: 固件 firmware {identity.firmware}")
    return EXIT_OK


def factory_default(desk: Desk, options: argparse.Namespace) -> int:
    """Everything as from the factory; the serial number says that this device is meant."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        upkeep.power.factory_default(serial=options.serial, hard=options.hard)
    desk.paper.document({"device": device.id, "factory_default": "hard" if options.hard else "soft"})
    desk.paper.line(f"{device.id}: 已恢复出厂设置，正在重启 / set back, it restarts")
    return EXIT_OK


def sync_clock(desk: Desk, options: argparse.Namespace) -> int:
    """Set a device's clock to the box's."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.settings(device)) as settings:
        error_s = settings.time.synchronise()
    desk.paper.document({"device": device.id, "clock_error_s": error_s})
    desk.paper.line(f"{device.id}: 已校时，误差 {error_s:+.1f} 秒 / clock set, {error_s:+.1f} s off")
    return EXIT_OK


def retry(desk: Desk, options: argparse.Namespace) -> int:
    """The operator put something right: lift the rest of a refused password."""
    device: Device = desk.device(options.device)
    with contextlib.closing(desk.room.open(device)) as adapter:
        adapter.forget_failures()
    desk.paper.document({"device": device.id, "rest": "lifted"})
    desk.paper.line(
        f"{device.id}: 下次检测会再试一次口令 / the password is tried once more at the next climb"
    )
    return EXIT_OK


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")
