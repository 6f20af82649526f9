"""The commands of ``outpost-agent devices``: a table of names, arguments and what carries them out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from agent.cli import (
    accounts,
    analysis,
    contacts,
    forgetting,
    heads,
    line,
    looking,
    passwords,
    recordings,
    references,
    scorecard,
    search,
    settings,
    telling,
    trust,
    upkeep,
)
from agent.cli.described import NAME
from agent.cli.desk import Desk, WrongArguments, opened
from agent.cli.spans import seconds
from agent.cli.upkeep import EXIT_OK, EXIT_REFUSED
from agent.devices.upkeep.accounts import LEVELS
from agent.errors import ConfigError, DeviceError
from protocol.words import DeviceClass

Carry = Callable[[Desk, argparse.Namespace], int]


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool = False) -> None:
    """Add ``devices`` with all its commands; ``by_host``: ``--host`` says which device is meant."""
    devices = commands.add_parser("devices", help="设备工具 / find, look at and set up devices by hand")
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
    discover = _command(kinds, "discover", search.discover, "查找设备 / who is on the LAN")
    discover.add_argument("subnet", nargs="*", help="网段 / at most /22; default [search], else own networks")
    discover.add_argument("--gentle", action="store_true", help="逐台，适合老设备 / one at a time")
    _command(kinds, "list", looking.list_devices, "台账 / the ledger")
    show = _command(kinds, "show", looking.show, "设备身份 / who a device is")
    show.add_argument("device", nargs="?", help=_DEVICE)
    probe = _command(kinds, "probe", looking.probe, "逐级检测 / climb the ladder")
    probe.add_argument("device", nargs="*", help="缺省为全部 / id, GB code or address; all when absent")
    probe.add_argument("--explain", action="store_true", help="显示每一步收发 / show every exchange")
    probe.add_argument("--no-video", dest="video", action="store_false", help="不看视频 / ladder only")
    probe.add_argument(
        "--video-s", type=seconds(600), default=12.0, metavar="S", help="等待秒数 / wait for video, to 600"
    )
    events = _command(kinds, "events", telling.events, "设备事件 / the device's own events")
    events.add_argument("device", nargs="?", help=_DEVICE)
    events.add_argument("--follow", action="store_true", help="持续接收 / go on until Ctrl+C")
    events.add_argument("--seconds", type=seconds(86_400), metavar="S", help="时长 / end after S, to 86400")
    topics = _command(kinds, "topics", telling.topics, "未识别的事件主题 / event topics nobody knows")
    topics.add_argument("device", nargs="?", help="缺省为全部 / id, GB code or address; all when absent")
    line_ = _command(kinds, "line", line.measure, "会前测线路 / the line to a conference endpoint")
    line_.add_argument("device", nargs="?", help=_DEVICE)
    line_.add_argument("--probes", type=int, default=line.USUAL, metavar="N", help="探测次数 / 10 to 2000")
    line_.add_argument("--by", choices=["icmp", "sip"], help="缺省先 ping / default ping, else SIP")
    snapshot = _command(kinds, "snapshot", looking.snapshot, "抓拍一张 / one picture into a file")
    snapshot.add_argument("device", nargs="?", help=_DEVICE)
    snapshot.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="缺省为 编号.jpg / default ID.jpg"
    )
    card = _dangerous(kinds, "scorecard", scorecard.scorecard, "厂家行为记分卡 / what makes claim and do")
    card.add_argument("device", nargs="*", help="缺省为已存 / id, GB code or address; absent: all kept cards")
    card.add_argument("--write", action="store_true", help="也试写，随后恢复 / try writes too, put back")

    views = _dangerous(kinds, "references", references.references, "基准画面 / stored views of the cameras")
    views.add_argument("device", nargs="?", help="缺省为全部 / id, GB code or address; all when absent")
    views.add_argument("--retake", action="store_true", help="重新学习 / drop them, learn the present view")
    views.add_argument("--save", type=Path, metavar="DIR", help="图片存到 / the stills into a folder")
    truth = _dangerous(kinds, "ptz-check", references.ptz_check, "核对云台 / does the head turn; moves it")
    truth.add_argument("device", nargs="?", help=_DEVICE)
    truth.add_argument("--preset", metavar="TOKEN", help="转到哪个预置位 / which one; else the farthest")
    kept = _command(kinds, "recordings", recordings.recordings, "录像天数和缺失 / recorded days and gaps")
    kept.add_argument("device", nargs="?", help=_DEVICE)
    kept.add_argument("--days", type=recordings.days, default=30, metavar="N", help="天数 / 1 to 366; 30")


def _settings(kinds: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool) -> None:
    get = _command(kinds, "get", settings.get, "读取设置 / read settings")
    if not by_host:
        get.add_argument("device", help=_DEVICE)
    get.add_argument(
        "aspect", nargs="?", help="缺省为全部 / time, network, encoder, imaging, osd, io; all when absent"
    )
    put = _dangerous(kinds, "set", settings.put, "修改设置并读回核对 / change settings, read back")
    if not by_host:
        put.add_argument("device", help=_DEVICE)
    put.add_argument("aspect", help="方面 / time, network, encoder, imaging, osd, io")
    put.add_argument(
        "setting", nargs="+", metavar="NAME=VALUE", help="如 / e.g. sub.fps=10 sub.gop_frames=20"
    )
    put.add_argument("--dry-run", action="store_true", help="只预演 / show, send nothing")
    own = _dangerous(kinds, "analysis", analysis.analysis, "分析码流 / a small stream of the box's own")
    own.add_argument("device", nargs="?", help=_DEVICE)
    what = own.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="建立并核对 / make it, verify; else only shown")
    what.add_argument("--undo", action="store_true", help="恢复原状 / put everything back")
    own.add_argument("--shared", action="store_true", help="可改共用的编码器 / may change a shared encoder")


def _upkeep(kinds: argparse._SubParsersAction[argparse.ArgumentParser], *, by_host: bool) -> None:
    for name, carry, words in (
        ("log", upkeep.system_log, "设备日志 / the device's own log"),
        ("sync-clock", upkeep.sync_clock, "校时 / set its clock to the box's"),
        ("retry", upkeep.retry, "重试口令 / try a refused password once more"),
    ):
        _command(kinds, name, carry, words).add_argument("device", nargs="?", help=_DEVICE)
    confirm = _dangerous(kinds, "trust", trust.trust, "确认设备证书 / confirm its certificate")
    confirm.add_argument("device", nargs="?", help=_DEVICE)
    accept = _dangerous(kinds, "accept", passwords.accept, "设备已更换 / it was replaced: take it as this")
    accept.add_argument("device", nargs="?", help=_DEVICE)
    gone = _dangerous(kinds, "forget", forgetting.forget, "移出台账 / drop a row that discovery made")
    gone.add_argument("device", nargs="?", help=_DEVICE)
    relays = _dangerous(kinds, "relays", contacts.relays, "继电器输出 / relay outputs; switch one")
    relays.add_argument("device", nargs="?", help=_DEVICE)
    which = relays.add_mutually_exclusive_group()
    which.add_argument("--on", metavar="TOKEN", help="动作 / into its active state")
    which.add_argument("--off", metavar="TOKEN", help="复位 / into its idle state")
    inputs = _command(kinds, "inputs", contacts.inputs, "开关量输入 / digital inputs")
    inputs.add_argument("device", nargs="?", help=_DEVICE)
    for listed in (relays, inputs):
        listed.add_argument("--state", action="store_true", help="同时查询状态 / ask its events too")
    _heads(kinds)
    _users(kinds)
    _password(kinds)
    reboot = _dangerous(kinds, "reboot", upkeep.reboot, "重启并等待恢复 / restart and wait")
    reboot.add_argument("device", nargs="?", help=_DEVICE)
    backup = _command(kinds, "backup", upkeep.backup, "备份配置 / its configuration into a file")
    backup.add_argument("device", nargs="?", help=_DEVICE)
    backup.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="缺省为 编号.backup / default ID.backup"
    )
    restore = _dangerous(kinds, "restore", upkeep.restore, "恢复配置 / give a backup back")
    if not by_host:
        restore.add_argument("device", help=_DEVICE)
    restore.add_argument("file", type=Path, help="备份文件 / what backup wrote")
    restore.add_argument("--force", action="store_true", help="允许恢复到另一台设备 / also on another device")
    firmware = _dangerous(kinds, "firmware", upkeep.upgrade, "升级固件 / bring a firmware on")
    if not by_host:
        firmware.add_argument("device", help=_DEVICE)
    firmware.add_argument("file", type=Path, help="固件文件 / image")
    firmware.add_argument("--model", required=True, help="适用型号 / model it is for")
    firmware.add_argument("--version", required=True, help="升级后的版本 / version it must report")
    firmware.add_argument("--sha256", help="发送前核对 / checked before anything is sent")
    factory = _command(kinds, "factory-default", upkeep.factory_default, "恢复出厂 / set everything back")
    factory.add_argument("device", nargs="?", help=_DEVICE)
    factory.add_argument("--serial", required=True, help="输入序列号确认 / its serial number, to confirm")
    factory.add_argument("--hard", action="store_true", help="连同网络和用户 / network and accounts too")


def _users(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    users = _dangerous(kinds, "users", accounts.users, "设备上的用户 / accounts on the device")
    users.add_argument("device", nargs="?", help=_DEVICE)
    which = users.add_mutually_exclusive_group()
    which.add_argument("--add", metavar="NAME", help="新建 / make one, never an administrator")
    which.add_argument("--change", metavar="NAME", help="改级别 / give it --level")
    which.add_argument("--remove", metavar="NAME", help="删除 / take it away")
    users.add_argument("--level", choices=LEVELS, help="级别 / default Operator")
    secret = users.add_mutually_exclusive_group()
    secret.add_argument("--new-password-file", type=Path, metavar="FILE", help="新用户口令 / its password")
    secret.add_argument("--generate", type=Path, metavar="FILE", help="生成并写入 / made and written there")


def _password(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    secret = _command(kinds, "password", passwords.password, "修改设备口令 / change its password")
    secret.add_argument("device", nargs="?", help=_DEVICE)
    how = secret.add_mutually_exclusive_group()
    how.add_argument(
        "--new-file", type=Path, metavar="FILE", help="新口令文件 / the new one; else asked twice"
    )
    how.add_argument("--generate", action="store_true", help="随机生成并密封保存 / a random one, sealed")
    secret.add_argument("--keep-in", type=Path, metavar="FILE", help="另存 / also into a file, mode 600")


def _heads(kinds: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    presets = _command(kinds, "presets", heads.presets, "预置位 / presets of a dome")
    presets.add_argument("device", nargs="?", help=_DEVICE)
    asked = presets.add_mutually_exclusive_group()
    asked.add_argument("--go", metavar="TOKEN", help="转到并核对 / turn to this one and see that it is there")
    asked.add_argument("--set-home", action="store_true", help="设为守望位 / the present view is home")
    asked.add_argument("--store", metavar="NAME", help="存当前位置 / the present view, under a name")
    asked.add_argument("--remove", metavar="TOKEN", help="删除 / take one away")
    presets.add_argument(
        "--home", action="store_true", help="回守望位 / turn home; compares after --set-home"
    )
    tours = _command(kinds, "tours", heads.tours, "巡航 / preset tours of a dome or lookout")
    tours.add_argument("device", nargs="?", help=_DEVICE)
    operation = tours.add_mutually_exclusive_group()
    for name, words in (
        ("start", "启动 / let it run"),
        ("stop", "停止 / end it"),
        ("pause", "暂停 / interrupt it"),
        ("remove", "删除 / take it away"),
    ):
        operation.add_argument(f"--{name}", metavar="TOKEN", help=words)
    operation.add_argument("--make", metavar="NAME", help="新建 / a new one over the spots")
    tours.add_argument("--spot", action="append", metavar="PRESET:SECONDS", help="停留点 / in order")
    tours.add_argument("--autostart", action="store_true", help="上电自启 / runs after power-on")


def _dangerous(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, carry: Carry, words: str
) -> argparse.ArgumentParser:
    """A command that asks back unless ``--yes`` is given."""
    command = _command(kinds, name, carry, words)
    command.add_argument("--yes", action="store_true", help="不再询问 / do not ask back")
    return command


_DEVICE = "编号、国标编码或地址 / id, GB code or address"


def _command(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, carry: Carry, words: str
) -> argparse.ArgumentParser:
    """A command that opens the desk, is carried out, and says what is wrong with a device in one sentence."""
    command = kinds.add_parser(name, help=words)
    command.set_defaults(by_hand=lambda options: _carried(carry, options), device=None)
    command.add_argument("--json", action="store_true", help="输出 JSON / one JSON document")
    command.add_argument("--config", type=Path, metavar="FILE", help="边缘盒配置 / the box's configuration")
    alone = command.add_argument_group("不在配置中的设备 / a device that is in no configuration")
    alone.add_argument("--host", metavar="HOST[:PORT]", help="地址 / its address; [IPv6]:PORT too")
    alone.add_argument("--user", default="", help="用户名 / account")
    alone.add_argument("--password-file", type=Path, metavar="FILE", help="缺省为询问 / else it is asked for")
    alone.add_argument(
        "--class",
        dest="device_class",
        choices=[*map(str, DeviceClass)],
        help="不指明则只读 / read only unless it is named",
    )
    alone.add_argument("--tls", action="store_true", help="用 HTTPS 连接 / HTTPS, port 443")
    alone.add_argument("--rtsp-port", type=port, default=554, metavar="PORT", help="视频端口 / video port")
    alone.add_argument(
        "--port-forwarded", action="store_true", help="端口映射后的设备 / behind NAT: keep to these ports"
    )
    alone.add_argument("--number", default="", metavar="N", help="终端号码 / a conference endpoint's")
    alone.add_argument("--registrar", metavar="HOST[:PORT]", help="注册服务器 / where it registers")
    alone.add_argument("--stream-path", metavar="PATH", help="无 ONVIF 的视频流路径 / RTSP only, no ONVIF")
    return command


def port(text: str) -> int:
    """A TCP port; argparse tells what is wrong."""
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535:
        return int(text)
    raise argparse.ArgumentTypeError("端口应为 1 到 65535 / a port is 1 to 65535")


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
