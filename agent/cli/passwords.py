"""Commands about who a device is and how the box logs in: its password changed, a replaced device accepted.

Law: a password comes from a file, from the terminal without echo, or from the box itself; it is never an
argument and never printed. The change is made in two phases over the vault the service uses too: cut the
power anywhere, box and device agree again at the next start.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.cli.upkeep import EXIT_OK, EXIT_REFUSED
from agent.devices.upkeep.accounts import LENGTH, new_password
from agent.devices.upkeep.password import Ending
from agent.errors import ConfigError
from agent.model import Device, Secret
from agent.ports import Notebook, Vault
from agent.services.logins import claim, disclaim, is_claimed, with_login
from runtime.clock import SystemClock

EXIT_TROUBLE = 1
_SHORTEST = 8


def password(desk: Desk, options: argparse.Namespace) -> int:
    """Change the password of the account by which the box logs in, and keep the new one sealed."""
    device = desk.device(options.device)
    if desk.vault is None or desk.notebook is None:
        problem = "口令要存入边缘盒的口令库，请用 --config / the box keeps it in its vault: use --config"
        raise ConfigError("password", [problem])
    vault, new = desk.vault, _new_password(options)
    with _kept(options.keep_in, new, lambda: _is_open_or_held(vault, device, new)):
        ending = _changed(desk, vault, desk.notebook, device, new)
    desk.paper.document({"device": device.id, "password": ending})
    desk.paper.line(f"{device.id}: {_ENDINGS[ending]}")
    return EXIT_OK if ending is Ending.CHANGED else EXIT_TROUBLE


def accept(desk: Desk, options: argparse.Namespace) -> int:
    """The device was replaced: whoever lets the box in at its address is this device from now on."""
    device = desk.device(options.device)
    if desk.register is None:
        problem = "请用 --config 指定边缘盒配置 / the box keeps the marks: use --config"
        raise ConfigError("accept", [problem])
    what = f"{device.id}: 以现在这个地址上的设备为准 / take whoever answers at its address as this device"
    if not confirmed(desk, options, what):
        return EXIT_REFUSED
    desk.register.accept(device.id)
    desk.paper.document({"device": device.id, "accept": True})
    desk.paper.line(f"{device.id}: 下次检测时重新识别 / it is identified anew at the next climb")
    return EXIT_OK


_ENDINGS = {
    Ending.CHANGED: "口令已修改并存入口令库 / the password is changed and in the vault",
    Ending.UNCHANGED: "口令没有修改，旧口令有效 / not changed, the old one holds",
    Ending.OPEN: "新旧口令都未被接受，边缘盒稍后再核对 / neither the old nor the new one is let in; "
    "the box settles it later",
}


def _changed(desk: Desk, vault: Vault, notebook: Notebook, device: Device, new: Secret) -> Ending:
    clock = SystemClock()
    if is_claimed(notebook, device.id, clock):
        problem = "正在修改口令，请一分钟后再试 / a change is under way, try again in a minute"
        raise ConfigError(device.id, [problem])
    change = desk.room.password_change(vault)
    claim(notebook, device.id, clock)
    try:
        held = vault.find(device.id)
        if held is not None and held.pending is not None and change.recover(device) is Ending.OPEN:
            return Ending.OPEN
        return change.change(with_login(device, vault), new)
    finally:
        disclaim(notebook, device.id)


def _new_password(options: argparse.Namespace) -> Secret:
    if options.generate:
        return new_password()
    if options.new_file is not None:
        return _fit(_of_file(options.new_file))
    if not sys.stdin.isatty():
        problem = "没有终端：请用 --new-file 或 --generate / no terminal: use --new-file or --generate"
        raise ConfigError("password", [problem])
    first = getpass.getpass("新口令 / new password: ")
    if getpass.getpass("再输一次 / once more: ") != first:
        raise ConfigError("password", ["两次输入不同，没有修改 / the two differ, nothing was changed"])
    return _fit(first)


def _of_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"口令文件无法读取 / cannot be read: {error}"]) from error


def _fit(text: str) -> Secret:
    """Raises ConfigError for a password that some make cuts off or does not take."""
    if not _SHORTEST <= len(text) <= LENGTH:
        problem = f"口令应为 {_SHORTEST} 到 {LENGTH} 个字符 / must have {_SHORTEST} to {LENGTH} characters"
        raise ConfigError("password", [problem])
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(
            "password", ["只能用英文字母、数字和符号 / letters, digits and signs of ASCII only"]
        )
    return Secret(text)


def _is_open_or_held(vault: Vault, device: Device, new: Secret) -> bool:
    """Whether the device has this password, or may have it."""
    held = vault.find(device.id)
    return held is not None and new in (held.password, held.pending)


@contextlib.contextmanager
def _kept(path: Path | None, new: Secret, stays: Callable[[], bool]) -> Iterator[None]:
    """The password in its file while it is being set, and after it where it ``stays``."""
    if path is None:
        yield
        return
    _keep(path, new)
    try:
        yield
    finally:
        if not stays():
            path.unlink(missing_ok=True)


def _keep(path: Path, new: Secret) -> None:
    """Before the device has it: a file that cannot be written must not cost a password."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new.reveal + "\n")
    except OSError as error:
        raise ConfigError(str(path), [f"无法写入 / cannot be written: {error}"]) from error
