"""The commands of ``outpost-agent devices``: a table of names, arguments and what carries them out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from agent.cli import (
    accounts,
    contacts,
    heads,
    line,
    looking,
    passwords,
    recordings,
    scorecard,
    search,
    settings,
    telling,
    trust,
    upkeep,
)
from agent.cli.described import NAME
from agent.cli.desk import Desk, WrongArguments, opened
from agent.cli.upkeep import EXIT_OK, EXIT_REFUSED
from agent.devices.upkeep.accounts import LEVELS
from agent.errors import ConfigError, DeviceError
from protocol.words import DeviceClass

Carry = Callable[[Desk, argparse.Namespace], int]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool = False) -> None:
    """Add ``devices`` with all its commands; ``by_host``: ``--host`` says which device is meant."""
    devices = commands.add_parser("devices", help="find, look at and set up devices by hand / 设备工具")
    kinds = devices.add_subparsers(required=True, metavar="COMMAND")
    _looking(kinds)
    _settings(kinds, by_host=by_host)
    _upkeep(kinds, by_host=by_host)


def without_name(arguments: list[str]) -> list[str]:
    """The arguments without ``device`` after the command, where ``--host`` already says which is meant."""
    if "devices" not in arguments or not is_by_host(arguments):
        return arguments
    at = arguments.index("devices") + 2
    return arguments[:at] + arguments[at + 1 :] if arguments[at : at + 1] == [NAME] else arguments


def is_by_host(arguments: list[str]) -> bool:
    """Whether one device is described on the command line."""
    return any(one == "--host" or one.startswith("--host=") for one in arguments)


def _looking(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    discover = _command(kinds, "discover", search.discover, "who is on the LAN / 查找设备")
    discover.add_argument("subnet", nargs="*", help="IPv4, at most /22; default [search] / 网段")
    discover.add_argument("--gentle", action="store_true", help="one at a time / 逐台，适合老设备")
    _command(kinds, "list", looking.list_devices, "the ledger / 台账")
    show = _command(kinds, "show", looking.show, "who a device is / 设备身份")
    show.add_argument("device", nargs="?", help=_DEVICE)
    probe = _command(kinds, "probe", looking.probe, "climb the ladder / 逐级检测")
    probe.add_argument("device", nargs="*", help="id, GB code or address; all when absent / 缺省为全部")
    probe.add_argument("--explain", action="store_true", help="show every exchange / 显示每一步收发")
    probe.add_argument("--no-video", dest="video", action="store_false", help="ladder only / 不看视频")
    probe.add_argument("--video-s", type=float, default=12.0, metavar="S", help="wait for video / 等待秒数")
    events = _command(kinds, "events", telling.events, "the device's own events / 设备事件")
    events.add_argument("device", nargs="?", help=_DEVICE)
    events.add_argument("--follow", action="store_true", help="go on until Ctrl+C / 持续接收")
    events.add_argument("--seconds", type=float, metavar="S", help="end after S / 时长")
    topics = _command(kinds, "topics", telling.topics, "event topics nobody knows / 未识别的事件主题")
    topics.add_argument("device", nargs="?", help="id, GB code or address; all when absent / 缺省为全部")
    line_ = _command(kinds, "line", line.measure, "the line to a conference endpoint / 会前测线路")
    line_.add_argument("device", nargs="?", help=_DEVICE)
    line_.add_argument("--probes", type=int, default=line.USUAL, metavar="N", help="10 to 2000 / 探测次数")
    line_.add_argument("--by", choices=["icmp", "sip"], help="default ping, else SIP / 缺省先 ping")
    snapshot = _command(kinds, "snapshot", looking.snapshot, "one picture into a file / 抓拍一张")
    snapshot.add_argument("device", nargs="?", help=_DEVICE)
    snapshot.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default ID.jpg / 缺省为 编号.jpg"
    )
    card = _dangerous(kinds, "scorecard", scorecard.scorecard, "what makes claim and do / 厂家行为记分卡")
    card.add_argument("device", nargs="*", help="id, GB code or address; absent: all kept cards / 缺省为已存")
    card.add_argument("--write", action="store_true", help="try writes too, put back / 也试写，随后恢复")

    kept = _command(kinds, "recordings", recordings.recordings, "recorded days and gaps / 录像天数和缺失")
    kept.add_argument("device", nargs="?", help=_DEVICE)
    kept.add_argument("--days", type=recordings.days, default=30, metavar="N", help="1 to 366; 30 / 天数")


def _settings(kinds: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool) -> None:
    get = _command(kinds, "get", settings.get, "read settings / 读取设置")
    if not by_host:
        get.add_argument("device", help=_DEVICE)
    get.add_argument("aspect", nargs="?", help="time, network, encoder, imaging, osd, io; all when absent")
    put = _dangerous(kinds, "set", settings.put, "change settings, read back / 修改设置并读回核对")
    if not by_host:
        put.add_argument("device", help=_DEVICE)
    put.add_argument("aspect", help="time, network, encoder, imaging, osd, io")
    put.add_argument("setting", nargs="+", metavar="NAME=VALUE", help="e.g. sub.fps=10 sub.gop_frames=20")
    put.add_argument("--dry-run", action="store_true", help="show, send nothing / 只预演")


def _upkeep(kinds: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool) -> None:
    for name, carry, words in (
        ("log", upkeep.system_log, "the device's own log / 设备日志"),
        ("sync-clock", upkeep.sync_clock, "set its clock to the box's / 校时"),
        ("retry", upkeep.retry, "try a refused password once more / 重试口令"),
    ):
        _command(kinds, name, carry, words).add_argument("device", nargs="?", help=_DEVICE)
    confirm = _dangerous(kinds, "trust", trust.trust, "confirm its certificate / 确认设备证书")
    confirm.add_argument("device", nargs="?", help=_DEVICE)
    accept = _dangerous(kinds, "accept", passwords.accept, "it was replaced: take it as this / 设备已更换")
    accept.add_argument("device", nargs="?", help=_DEVICE)
    relays = _dangerous(kinds, "relays", contacts.relays, "relay outputs; switch one / 继电器输出")
    relays.add_argument("device", nargs="?", help=_DEVICE)
    which = relays.add_mutually_exclusive_group()
    which.add_argument("--on", metavar="TOKEN", help="into its active state / 动作")
    which.add_argument("--off", metavar="TOKEN", help="into its idle state / 复位")
    inputs = _command(kinds, "inputs", contacts.inputs, "digital inputs / 开关量输入")
    inputs.add_argument("device", nargs="?", help=_DEVICE)
    for listed in (relays, inputs):
        listed.add_argument("--state", action="store_true", help="ask its events too / 同时查询状态")
    _heads(kinds)
    _users(kinds)
    _password(kinds)
    reboot = _dangerous(kinds, "reboot", upkeep.reboot, "restart and wait / 重启并等待恢复")
    reboot.add_argument("device", nargs="?", help=_DEVICE)
    backup = _command(kinds, "backup", upkeep.backup, "its configuration into a file / 备份配置")
    backup.add_argument("device", nargs="?", help=_DEVICE)
    backup.add_argument("-o", "--output", type=Path, metavar="FILE", help="default ID.backup")
    restore = _dangerous(kinds, "restore", upkeep.restore, "give a backup back / 恢复配置")
    if not by_host:
        restore.add_argument("device", help=_DEVICE)
    restore.add_argument("file", type=Path, help="what backup wrote / 备份文件")
    restore.add_argument("--force", action="store_true", help="also on another device / 允许恢复到另一台设备")
    firmware = _dangerous(kinds, "firmware", upkeep.upgrade, "bring a firmware on / 升级固件")
    if not by_host:
        firmware.add_argument("device", help=_DEVICE)
    firmware.add_argument("file", type=Path, help="image / 固件文件")
    firmware.add_argument("--model", required=True, help="model it is for / 适用型号")
    firmware.add_argument("--version", required=True, help="version it must report / 升级后的版本")
    firmware.add_argument("--sha256", help="checked before anything is sent / 发送前核对")
    factory = _command(kinds, "factory-default", upkeep.factory_default, "set everything back / 恢复出厂")
    factory.add_argument("device", nargs="?", help=_DEVICE)
    factory.add_argument("--serial", required=True, help="its serial number, to confirm / 输入序列号确认")
    factory.add_argument("--hard", action="store_true", help="network and accounts too / 连同网络和用户")


def _users(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    users = _dangerous(kinds, "users", accounts.users, "accounts on the device / 设备上的用户")
    users.add_argument("device", nargs="?", help=_DEVICE)
    which = users.add_mutually_exclusive_group()
    which.add_argument("--add", metavar="NAME", help="make one, never an administrator / 新建")
    which.add_argument("--change", metavar="NAME", help="give it --level / 改级别")
    which.add_argument("--remove", metavar="NAME", help="take it away / 删除")
    users.add_argument("--level", choices=LEVELS, help="default Operator / 级别")
    secret = users.add_mutually_exclusive_group()
    secret.add_argument("--new-password-file", type=Path, metavar="FILE", help="its password / 新用户口令")
    secret.add_argument("--generate", type=Path, metavar="FILE", help="made and written there / 生成并写入")


def _password(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    secret = _command(kinds, "password", passwords.password, "change its password / 修改设备口令")
    secret.add_argument("device", nargs="?", help=_DEVICE)
    how = secret.add_mutually_exclusive_group()
    how.add_argument(
        "--new-file", type=Path, metavar="FILE", help="the new one; else asked twice / 新口令文件"
    )
    how.add_argument("--generate", action="store_true", help="a random one, sealed / 随机生成并密封保存")
    secret.add_argument("--keep-in", type=Path, metavar="FILE", help="also into a file, mode 600 / 另存")


def _heads(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    presets = _command(kinds, "presets", heads.presets, "presets of a dome / 预置位")
    presets.add_argument("device", nargs="?", help=_DEVICE)
    asked = presets.add_mutually_exclusive_group()
    asked.add_argument("--go", metavar="TOKEN", help="turn to this one and see that it is there / 转到并核对")
    asked.add_argument("--home", action="store_true", help="turn home / 回守望位")
    asked.add_argument("--set-home", action="store_true", help="the present view is home / 设为守望位")
    asked.add_argument("--store", metavar="NAME", help="the present view, under a name / 存当前位置")
    asked.add_argument("--remove", metavar="TOKEN", help="take one away / 删除")
    tours = _command(kinds, "tours", heads.tours, "preset tours of a dome or lookout / 巡航")
    tours.add_argument("device", nargs="?", help=_DEVICE)
    operation = tours.add_mutually_exclusive_group()
    for name, words in (
        ("start", "let it run / 启动"),
        ("stop", "end it / 停止"),
        ("pause", "interrupt it / 暂停"),
        ("remove", "take it away / 删除"),
    ):
        operation.add_argument(f"--{name}", metavar="TOKEN", help=words)
    operation.add_argument("--make", metavar="NAME", help="a new one over the spots / 新建")
    tours.add_argument("--spot", action="append", metavar="PRESET:SECONDS", help="in order / 停留点")
    tours.add_argument("--autostart", action="store_true", help="runs after power-on / 上电自启")


def _dangerous(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, carry: Carry, words: str
) -> argparse.ArgumentParser:
    """A command that asks back unless ``--yes`` is given."""
    command = _command(kinds, name, carry, words)
    command.add_argument("--yes", action="store_true", help="do not ask back / 不再询问")
    return command


_DEVICE = "id, GB code or address / 编号、国标编码或地址"


def _command(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, carry: Carry, words: str
) -> argparse.ArgumentParser:
    """A command that opens the desk, is carried out, and says what is wrong with a device in one sentence."""
    command = kinds.add_parser(name, help=words)
    command.set_defaults(by_hand=lambda options: _carried(carry, options), device=None)
    command.add_argument("--json", action="store_true", help="one JSON document / 输出 JSON")
    command.add_argument("--config", type=Path, metavar="FILE", help="the box's configuration / 边缘盒配置")
    alone = command.add_argument_group("a device that is in no configuration / 不在配置中的设备")
    alone.add_argument("--host", metavar="HOST[:PORT]")
    alone.add_argument("--user", default="", help="account / 用户名")
    alone.add_argument("--password-file", type=Path, metavar="FILE", help="else it is asked for / 缺省为询问")
    alone.add_argument(
        "--class",
        dest="device_class",
        choices=[*map(str, DeviceClass)],
        help="不指明则只读 / read only unless it is named",
    )
    alone.add_argument("--tls", action="store_true", help="HTTPS, port 443 / 用 HTTPS 连接")
    alone.add_argument("--rtsp-port", type=int, default=554, metavar="PORT")
    alone.add_argument(
        "--port-forwarded", action="store_true", help="behind NAT: keep to these ports / 端口映射后的设备"
    )
    alone.add_argument("--number", default="", metavar="N", help="a conference endpoint's / 终端号码")
    alone.add_argument("--registrar", metavar="HOST[:PORT]", help="where it registers / 注册服务器")
    alone.add_argument("--stream-path", metavar="PATH", help="RTSP only, no ONVIF / 无 ONVIF 的视频流路径")
    return command


def _carried(carry: Carry, options: argparse.Namespace) -> int:
    with opened(options) as desk:
        try:
            status = carry(desk, options)
        except DeviceError as error:
            return looking.told_error(desk, error)
        except ConfigError as error:
            raise WrongArguments(error.where, error.problems) from error
        if status != EXIT_OK and not desk.paper.answered:
            kind = "not_confirmed" if status == EXIT_REFUSED else "failed"
            desk.paper.document({"kind": kind, "detail": desk.paper.said})
        return status
