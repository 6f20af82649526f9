"""The table of trials: what each asks of a device, and what it means for the installer when it fails.

A trial's id is written into stored cards: one that is no longer made keeps its id to itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """One question to a make. ``chinese`` and ``english`` say it in a few words."""

    id: str
    chinese: str
    english: str
    if_lies: tuple[str, str]
    """What it means for the installer, in both languages."""
    writes: bool = False

    @property
    def title(self) -> str:
        return f"{self.chinese} {self.english}"


TRIALS: tuple[Trial, ...] = (
    Trial(
        "clock",
        "未登录可读时间",
        "clock without log-in",
        (
            "首次登录可能因时钟误差失败，请先手工校时",
            "the first log-in may fail over a clock error: set its clock by hand first",
        ),
    ),
    Trial(
        "login",
        "登录方式",
        "ways to log in",
        (
            "声称支持摘要认证但不提供：前哨改用令牌登录，无需处理",
            "Digest is claimed and not offered: the box logs in by token, nothing to do",
        ),
    ),
    Trial(
        "services",
        "服务列表",
        "GetServices",
        ("前哨改问旧式能力列表，无需处理", "the box asks GetCapabilities instead, nothing to do"),
    ),
    Trial(
        "addresses",
        "返回地址的主机",
        "host in addresses",
        (
            "返回的地址不可信：前哨始终用登记的地址；请检查设备的网络设置",
            "returned addresses are wrong: the box keeps to the enrolled one; check its network settings",
        ),
    ),
    Trial(
        "media2",
        "Media2 服务",
        "Media2",
        (
            "声称有 Media2 但不应答：H.265 设置读不到，请升级固件或改用 H.264",
            "Media2 is told of and does not answer: no H.265 settings; update the firmware or use H.264",
        ),
    ),
    Trial(
        "stream_address",
        "视频流地址",
        "stream address",
        (
            "视频流地址不可用或指向别处：请核对设备的网络和 RTSP 设置",
            "the stream's address cannot be used or points elsewhere: check network and RTSP settings",
        ),
    ),
    Trial(
        "snapshot",
        "抓拍",
        "snapshot",
        ("抓拍取不到：前哨改用视频帧", "no snapshot: the box takes frames of the stream instead"),
    ),
    Trial(
        "snapshot_secret",
        "抓拍地址不含口令",
        "no password in URI",
        (
            "抓拍地址里带口令：不要把它抄到别处，请给设备单独的操作员口令",
            "the snapshot's address carries the password: never copy it; give the device an operator account",
        ),
    ),
    Trial(
        "time_zone",
        "时区字符串",
        "time zone string",
        (
            "时区写法不可信：前哨只用 UTC；请把时区设为 CST-8",
            "the zone cannot be trusted: the box uses UTC only; set the zone to CST-8",
        ),
    ),
    Trial(
        "not_supported",
        "不支持时的回答",
        "shape of a refusal",
        (
            "不支持的功能回答得不规范：前哨能识别，个别功能可能误报",
            "refusals are not told by the standard: the box knows the shape, a function may be misjudged",
        ),
    ),
    Trial(
        "backup",
        "HTTP 备份",
        "backup by HTTP",
        (
            "备份方式与声称不符：先试做一次备份再依赖它",
            "claims and backup differ: try a backup before you rely on it",
        ),
    ),
    Trial(
        "firmware",
        "HTTP 升级",
        "firmware by HTTP",
        ("升级只能在现场用厂家工具", "update the firmware with the vendor's tool on site"),
    ),
    Trial(
        "recording",
        "录像与检索",
        "recording and search",
        (
            "声称有录像服务但不应答：录像天数无法核对，请在录像机上查看",
            "recording is told of and does not answer: look at the recorder itself for its days",
        ),
    ),
    Trial(
        "pull_point",
        "事件订阅",
        "pull point",
        (
            "订阅能力与声称不符：前哨以实测为准，无需处理",
            "claims and pull points differ: the box goes by what works, nothing to do",
        ),
    ),
    Trial(
        "slots",
        "订阅名额",
        "pull-point slots",
        (
            "订阅名额不足：请停用其他平台对它的订阅，或重启设备",
            "too few slots: stop other platforms' subscriptions, or restart it",
        ),
    ),
    Trial(
        "lease",
        "订阅租期（秒）",
        "lease in seconds",
        (
            "租期不按秒：断电后名额可能被占很久，前哨会要短租期",
            "leases are not in seconds: a forgotten slot stays taken for long; the box asks for shorter ones",
        ),
    ),
    Trial(
        "renew",
        "续租（秒）",
        "renew in seconds",
        (
            "续租不按要求：前哨会重建订阅，无需处理",
            "renewal is not as asked: the box makes a new one, nothing to do",
        ),
    ),
    Trial(
        "minutes",
        "租期（分钟）",
        "lease in minutes",
        ("不认分钟：前哨只用秒，其他平台可能丢订阅", "minutes are misread: the box asks in seconds only"),
    ),
    Trial(
        "parameters",
        "引用参数",
        "reference parameters",
        ("声称的引用参数没有用处，无需处理", "reference parameters are told and not needed, nothing to do"),
    ),
    Trial(
        "states",
        "同步点",
        "synchronization point",
        (
            "不能重报当前状态：重新订阅后第一次变化之前状态未知",
            "present states are not told again: unknown until the first change after a new subscription",
        ),
    ),
    Trial(
        "topics",
        "事件主题",
        "event topics",
        (
            "送来的主题与声明不符：请把这张卡发给支持人员",
            "topics come that were never announced: send this card to support",
        ),
    ),
    Trial(
        "long_pull",
        "长轮询",
        "long pull",
        (
            "长时间等待会被断开：前哨用短轮询，其他平台请设 5 秒以内",
            "long waits are cut off: the box pulls briefly; set other platforms to 5 s or less",
        ),
    ),
    Trial(
        "set_rate",
        "改帧率能保持",
        "frame rate is kept",
        ("说改了却没改：请在设备网页上设置并核对", "it says yes and keeps the old: set it on its web page"),
        writes=True,
    ),
    Trial(
        "set_brightness",
        "改亮度能保持",
        "brightness is kept",
        ("说改了却没改：请在设备网页上设置并核对", "it says yes and keeps the old: set it on its web page"),
        writes=True,
    ),
    Trial(
        "set_clock_mode",
        "切换校时方式",
        "clock mode is kept",
        (
            "校时方式改不了：请在设备网页上设置 NTP",
            "the clock's mode does not change: set NTP on its web page",
        ),
        writes=True,
    ),
    Trial(
        "set_text",
        "字幕长度",
        "text length is kept",
        ("长字幕会被截断：请用短名称", "long texts are cut: use a short name"),
        writes=True,
    ),
    Trial(
        "preset",
        "预置位真转动",
        "preset moves picture",
        (
            "预置位不转动画面：请检查云台电源和机械，或重设预置位",
            "a preset does not move the picture: check the head's power and gears, or store the preset again",
        ),
        writes=True,
    ),
)

BY_ID: Mapping[str, Trial] = {trial.id: trial for trial in TRIALS}
