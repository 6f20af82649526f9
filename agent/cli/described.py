"""The one device of ``--host``: read from the command line, remembered from one run to the next.

Law: what a run learned of an address (a refused password, the way of the log-in, a certificate) holds for the
next run of the same user, kept under ``host:port`` without any password. A class nobody named is only read.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import logging
import os
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent import hosts
from agent.devices.address import bracketed
from agent.errors import ConfigError, StoreFull
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.ports import Notebook
from protocol.words import DeviceClass

log = logging.getLogger(__name__)

NAME = "device"
"""What the device may be called where a command wants a name."""
_NOTHING_KEPT = (
    "没有可写的用户目录，什么都没有记住：再试错口令会锁定设备账号 / "
    "no folder of the user can be written, nothing is remembered: more wrong tries lock the device's account"
)
_BY_HAND: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(said), instead)
    for said, instead in (
        ("请改正口令文件，然后重启边缘盒服务", "请用正确的口令再运行一次（--user、--password-file）"),
        (
            "Correct the password file, then restart the box service",
            "Run it again with the right password (--user, --password-file)",
        ),
        ("请在边缘盒配置里填写", "请用 --user 和 --password-file 给出"),
        ("enter user name and password file in the box's configuration", "give --user and --password-file"),
    )
)
_NOT_KEPT: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(said), instead)
    for said, instead in (
        (r"为避免锁定，\d+ 分钟内不再重试", "没有记住：再试错口令会锁定账号"),
        (
            r"not tried again for \d+ min so that the account is not locked",
            "this is not remembered: more wrong tries lock the account",
        ),
        (r"，\d+ 分钟内不再登录", "，没有记住"),
        (r"no log-in is tried for \d+ min", "this is not remembered"),
    )
)
_CLASS_UNNAMED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"只读，不执行 (.+?)：整合类（归公安）不可写；自动发现的请先在配置中以同一编号写 \[\[device\]\]"
        ),
        r"没有指明类别，只读：不执行 \1；要修改请加 --class，如 --class smart_camera",
    ),
    (
        re.compile(
            r"is read only, (.+?) is not done: an integrated device belongs to the police, and one that "
            r"discovery found needs a \[\[device\]\] row with its id and class first"
        ),
        r"has no class named, read only: \1 is not done; to change it name its class, e.g. "
        "--class smart_camera",
    ),
)


def describe(options: argparse.Namespace, integrated: frozenset[str] = frozenset()) -> Device:
    """The device of ``--host``, at its address: however that is spelt, it is dialled, remembered and compared
    as one. At an address of ``integrated`` it is integrated, whatever was typed. Raises ConfigError."""
    named, port = where(options.host)
    found = hosts.addresses(named)
    if not found:
        raise ConfigError(
            options.host, ["主机名无法解析，请改用地址 / name cannot be resolved, give the address"]
        )
    host = found[0]
    device_class = DeviceClass(options.device_class or DeviceClass.INTEGRATED)
    if not integrated.isdisjoint(found):
        device_class = DeviceClass.INTEGRATED
    is_conference = device_class is DeviceClass.CONFERENCE_ENDPOINT
    usual = 5060 if is_conference else 443 if options.tls else 80
    if options.stream_path is not None:
        usual = options.rtsp_port
    return Device(
        id=f"{bracketed(host)}:{port or usual}",
        device_class=device_class,
        host=host,
        port=port or (443 if options.tls else 80),
        tls=options.tls,
        port_forwarded=options.port_forwarded,
        rtsp_port=options.rtsp_port,
        sip_port=port or 5060 if is_conference else 5060,
        sip_user=options.number,
        sip_registrar=options.registrar,
        stream_path=options.stream_path,
        username=options.user,
        password=_password(options.user, options.password_file),
    )


def names(device: Device, typed: str) -> frozenset[str]:
    """What the described device may be called on the command line; ``typed`` is the text of ``--host``."""
    return frozenset({NAME, device.id, device.host, f"[{device.host}]", typed, where(typed)[0]})


def where(text: str) -> tuple[str, int | None]:
    """``HOST``, ``HOST:PORT``, an IPv6 address, ``[IPv6]:PORT``: the host in its one spelling, and the port,
    None when none is given. Raises ConfigError."""
    match = re.fullmatch(r"\[(?P<six>[0-9A-Fa-f:.]+)\](:(?P<sixport>.*))?", text)
    if match is not None:
        return _host(text, match["six"]), _port(text, match["sixport"])
    if text.count(":") > 1:
        return _host(text, text), None
    host, colon, port = text.partition(":")
    return _host(text, host), _port(text, port if colon else None)


@contextlib.contextmanager
def remembering(environment: Mapping[str, str] = os.environ) -> Iterator[Notebook | None]:
    """The notebook of this user's runs; None, told once, when there is no place for it."""
    notebook = _opened(environment)
    if notebook is None:
        sys.stderr.write(f"{_NOTHING_KEPT}\n")
        yield None
        return
    with contextlib.closing(notebook):
        yield notebook


def reworded(text: str, *, remembers: bool, class_named: bool) -> str:
    """A sentence about a device of the configuration, as it is right for one described by hand."""
    pairs = [*_BY_HAND, *(() if remembers else _NOT_KEPT), *(() if class_named else _CLASS_UNNAMED)]
    for said, instead in pairs:
        text = said.sub(instead, text)
    return text


def _opened(environment: Mapping[str, str]) -> SqliteNotebook | None:
    try:
        folder = _state_home(environment) / "outpost"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            folder.chmod(0o700)
        notebook = SqliteNotebook(folder / "devices.db")
    except (OSError, RuntimeError, ConfigError, sqlite3.Error) as error:
        log.debug("state folder cannot be used: %s", error)
        return None
    try:
        notebook.note("-", "opened", "")
    except (StoreFull, sqlite3.Error) as error:
        log.debug("state file cannot be written: %s", error)
        notebook.close()
        return None
    return notebook


def _state_home(environment: Mapping[str, str]) -> Path:
    """XDG Base Directory Specification: a relative path is to be ignored."""
    told = Path(environment.get("XDG_STATE_HOME") or "")
    return told if told.is_absolute() else Path.home() / ".local" / "state"


def _host(text: str, host: str) -> str:
    try:
        return hosts.canonical(host)
    except ValueError as error:
        raise ConfigError(
            text,
            [
                "应写作 HOST[:PORT] 或 [IPv6]:PORT，IPv4 地址为四段十进制、不带前导零 / "
                "must be HOST[:PORT] or [IPv6]:PORT, an IPv4 address in four decimal parts, no leading zeros"
            ],
        ) from error


def _port(text: str, port: str | None) -> int | None:
    if port is None:
        return None
    if not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ConfigError(text, ["端口应为 1 到 65535 的数字 / the port must be a number, 1 to 65535"])
    return int(port)


def _password(user: str, file: Path | None) -> Secret:
    """From the file, else asked for. Never an argument: arguments are seen by every user of the machine."""
    if not user:
        return Secret("")
    if file is not None:
        try:
            return Secret(file.read_text("utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(file), [f"口令文件无法读取 / cannot be read: {error}"]) from error
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    return Secret(getpass.getpass(f"{user} 的口令 / password of {user}: "))
