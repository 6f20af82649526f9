"""Command ``users``: accounts on a device listed, made, given a level, taken away.

Law: a password comes from a file or is asked for twice, or is made and written to a new file of mode 0600
before the device gets it; it is never an argument and never printed. An administrator is not made or touched.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.devices.upkeep.accounts import LENGTH, Accounts, new_password
from agent.errors import ConfigError
from agent.model import Secret

EXIT_OK, EXIT_REFUSED = 0, 3


def users(desk: Desk, options: argparse.Namespace) -> int:
    """The accounts on a device, after the change that was asked for."""
    device = desk.device(options.device)
    if options.remove and not confirmed(
        desk, options, f"删除 {device.id} 上的用户 {options.remove} / delete this user from it"
    ):
        return EXIT_REFUSED
    with contextlib.closing(desk.room.upkeep(device)) as upkeep:
        done = _changed(upkeep.accounts, options)
        found = upkeep.accounts.all()
    desk.paper.document({"device": device.id, "users": [asdict(user) for user in found]})
    if done:
        desk.paper.line(f"{device.id}: {done}")
    if not desk.paper.as_json:
        rows = [(user.name, user.level) for user in found]
        desk.paper.table(("用户 user", "级别 level"), rows, empty="没有用户 / no users")
    return EXIT_OK


def _changed(accounts: Accounts, options: argparse.Namespace) -> str:
    """Carry out what was asked for; the sentence that says so, "" when nothing was."""
    if options.add:
        with _password(options) as password:
            accounts.add_own(name=options.add, password=password, level=options.level or "Operator")
        return f"已建立用户 {options.add} / user made"
    if options.remove:
        accounts.remove_own(name=options.remove)
        return f"已删除用户 {options.remove} / user deleted"
    if options.change:
        if not options.level:
            raise ConfigError("users --change", ["请用 --level 指定级别 / say which with --level"])
        accounts.set_level(options.change, options.level)
        return f"用户 {options.change} 现为 {options.level} / its level is changed"
    return ""


@contextlib.contextmanager
def _password(options: argparse.Namespace) -> Iterator[Secret]:
    """The new account's password; a file made for it is taken away again when the device did not take it."""
    if options.generate is None:
        yield _given(options.new_password_file)
        return
    made = new_password()
    _written(options.generate, made)
    try:
        yield made
    except BaseException:
        options.generate.unlink(missing_ok=True)
        raise


def _given(file: Path | None) -> Secret:
    if file is not None:
        try:
            return _checked(file.read_text("utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(file), [f"口令文件无法读取 / cannot be read: {error}"]) from error
    if not sys.stdin.isatty():
        problem = "请用 --new-password-file 或 --generate 给出口令 / say with which password"
        raise ConfigError("users --add", [problem])
    first = getpass.getpass("新用户的口令 / password of the new user: ")
    if getpass.getpass("再输入一次 / once more: ") != first:
        raise ConfigError("users --add", ["两次输入不同 / the two are different"])
    return _checked(first)


def _checked(password: str) -> Secret:
    if not 8 <= len(password) <= LENGTH:
        problem = f"口令须为 8 到 {LENGTH} 个字符 / a password has 8 to {LENGTH} characters"
        raise ConfigError("users --add", [problem])
    return Secret(password)


def _written(file: Path, password: Secret) -> None:
    """A new file that only its owner reads; one that is there is never written over."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(str(file), [f"口令文件无法新建 / cannot be made: {error.strerror}"]) from error
    with os.fdopen(handle, "w", encoding="utf-8") as content:
        content.write(password.reveal + "\n")
        content.flush()
        os.fsync(content.fileno())
