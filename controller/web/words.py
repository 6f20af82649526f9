"""Every word a person reads on the page, Chinese and English side by side.

Law: Chinese first; a key without either language is a defect (a test looks). A reason says in plain
words what is wrong, then what to do. A word that a newer box invented is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controller.domain.incidents import ACTION_WORDS, STATE_WORDS
from protocol.scene_words import scene_word

LANGUAGES: Final = ("zh", "en")
_STATES: Final[dict[str, tuple[str, str]]] = {str(state): pair for state, pair in STATE_WORDS.items()}
_ACTIONS: Final[dict[str, tuple[str, str]]] = {str(action): pair for action, pair in ACTION_WORDS.items()}

LABELS: Final[dict[str, tuple[str, str]]] = {
    "product": ("前哨 Outpost", "Outpost 前哨"),
    "skip": ("跳到正文", "Skip to content"),
    "overview": ("总览", "Overview"),
    "villages": ("站点", "Sites"),
    "incidents": ("事项", "Incidents"),
    "sign_in": ("登录", "Sign in"),
    "sign_out": ("退出", "Sign out"),
    "login": ("账号", "Login"),
    "password": ("口令", "Password"),
    "other_language": ("English", "中文"),
    "boxes_online": ("边缘盒在线", "Boxes online"),
    "devices_ok": ("设备正常", "Devices OK"),
    "devices": ("设备", "Devices"),
    "open_incidents": ("未办结事项", "Open incidents"),
    "waiting_for_desk": ("待受理", "Waiting for the desk"),
    "recovered_open": ("已恢复待办结", "Recovered, to be closed"),
    "latest": ("最新事项", "Latest incidents"),
    "to_look_at": ("需要处理的设备", "Devices that need attention"),
    "village": ("站点", "Site"),
    "box": ("边缘盒", "Box"),
    "online": ("在线", "online"),
    "offline": ("离线", "offline"),
    "never_seen": ("尚未上线", "never seen"),
    "last_seen": ("最近联系", "Last seen"),
    "software": ("软件版本", "Software"),
    "since": ("自", "since"),
    "for": ("已持续", "for"),
    "what_to_do": ("处理", "To do"),
    "no_picture": ("暂无画面", "No picture yet"),
    "snapshot": ("最近画面", "Last picture"),
    "level": ("级别", "Level"),
    "state": ("状态", "State"),
    "title": ("事项", "Matter"),
    "case_no": ("编号", "Number"),
    "found_at": ("发现时间", "Found"),
    "opened_at": ("立项时间", "Opened"),
    "sign_due": ("签收时限", "Sign by"),
    "finish_due": ("办结时限", "Finish by"),
    "recovered_at": ("恢复时间", "Recovered"),
    "not_recovered": ("未恢复", "not recovered"),
    "place": ("地点", "Place"),
    "device": ("设备", "Device"),
    "unit": ("承办单位", "Unit"),
    "count": ("次数", "Times"),
    "category": ("类别", "Category"),
    "timeline": ("办理过程", "Timeline"),
    "actions": ("可办理", "Actions"),
    "no_actions": ("当前状态下没有您可以办理的动作。", "In this state there is nothing for you to do."),
    "text": ("说明", "Text"),
    "suspected": ("疑似", "Suspected"),
    "all": ("全部", "All"),
    "open": ("未办结", "Open"),
    "closed": ("已办结", "Closed"),
    "show": ("显示", "Show"),
    "next_page": ("下一页", "Next page"),
    "first_page": ("回到首页", "First page"),
    "history": ("状态区间", "States over time"),
    "from": ("从", "From"),
    "to": ("到", "To"),
    "now": ("至今", "until now"),
    "reason": ("原因", "Reason"),
    "device_class": ("类型", "Class"),
    "vendor": ("厂商", "Vendor"),
    "model": ("型号", "Model"),
    "firmware": ("固件", "Firmware"),
    "serial": ("序列号", "Serial"),
    "gb_code": ("国标编码", "GB code"),
    "clock_error": ("时钟偏差", "Clock error"),
    "profiles": ("码流", "Streams"),
    "file": ("一机一档", "Device file"),
    "live": ("实时", "Live"),
    "updated": ("更新于", "Updated"),
    "stale": ("连接中断，正在重试", "Connection lost, trying again"),
    "filter_state": ("状态", "State"),
    "filter_verdict": ("状态", "State"),
    "back": ("返回", "Back"),
    "nothing_wrong": ("全部设备正常，没有需要处理的设备。", "All devices are fine; nothing needs attention."),
    "no_boxes": (
        "还没有登记边缘盒。请在中心服务器运行 outpost-controller box add --help，按说明登记。",
        "No box is registered yet. On the centre's server run: outpost-controller box add --help",
    ),
    "no_devices": ("该站点还没有上报设备。", "This site has not reported any device yet."),
    "no_incidents": ("没有符合条件的事项。", "There is no matter that fits."),
    "no_reading": (
        "您的角色不查看业务数据。审计记录请使用接口 GET /v1/audit。",
        "Your role does not look at operations. For the audit log use GET /v1/audit.",
    ),
    "locked": ("口令错误次数过多，请稍后再试。", "Too many wrong passwords; try again later."),
    "wrong": ("账号或口令不对。", "The login or the password is wrong."),
    "stale_version": (
        "该事项刚被他人修改，请看过最新情况后再办理。",
        "Somebody changed this matter in the meantime; look at it again before you act.",
    ),
    "refused": ("未能办理", "Not done"),
    "not_found": ("没有这一项，或不在您的管辖范围。", "There is no such thing, or it is not in your place."),
    "yes": ("是", "yes"),
    "page": ("页", "page"),
}

VERDICTS: Final[dict[str, tuple[str, str, str]]] = {
    "ok": ("正常", "OK", "●"),
    "degraded": ("异常", "Degraded", "▲"),
    "down": ("故障", "Down", "■"),
    "unknown": ("未知", "Unknown", "?"),
    "maintenance": ("报停", "Planned stop", "◆"),
    "retired": ("退役", "Retired", "–"),
}
"""Word in both languages and a shape: colour alone says nothing in print or to the colour-blind."""

REASONS: Final[dict[str, tuple[str, str, str, str]]] = {
    "ok": ("一切正常", "Everything works", "", ""),
    "starting": ("刚接入，尚未判定", "Just added, not judged yet", "等待一分钟", "Wait a minute"),
    "parent": (
        "站点边缘盒失联，设备状态无法得知",
        "The site's box cannot be reached, so nobody can know",
        "先恢复边缘盒的供电和网络",
        "Restore the box's power and network first",
    ),
    "unreachable": (
        "设备没有应答",
        "The device does not answer",
        "检查供电、网线、地址",
        "Check power, cable, address",
    ),
    "other_device": (
        "它的地址上应答的是另一台设备",
        "Another device answers at its address",
        "核对设备是否更换或改了地址，有无地址冲突",
        "Check whether it was replaced or readdressed, and for an address conflict",
    ),
    "hung": (
        "设备接受连接但不应答（死机）",
        "It accepts connections but never answers (hung)",
        "断电重启设备",
        "Power-cycle it",
    ),
    "no_onvif": (
        "有应答，但不是 ONVIF",
        "It answers, but not as an ONVIF device",
        "在设备上启用 ONVIF",
        "Enable ONVIF on the device",
    ),
    "bad_answer": (
        "应答内容损坏或异常",
        "It answers with something broken",
        "升级或更换设备",
        "Update or replace the device",
    ),
    "auth_failed": (
        "口令错误",
        "The password is wrong",
        "在站点改正设备口令文件，重启边缘盒服务",
        "Correct the device's password file on site, restart the box service",
    ),
    "auth_backoff": (
        "口令曾被拒绝，暂停尝试以免锁定",
        "The password was refused; waiting so that no account is locked",
        "在站点改正设备口令文件，重启边缘盒服务",
        "Correct the device's password file on site, restart the box service",
    ),
    "not_activated": (
        "设备尚未激活，还没有密码",
        "Fresh from the factory: not activated, no password yet",
        "用厂家工具或网页激活并设置密码",
        "Activate it and set a password on its own page",
    ),
    "certificate_changed": (
        "设备证书与首次见到的不同",
        "Its certificate is not the one seen first",
        "确认设备是否更换或复位，再重新信任证书",
        "Check whether it was replaced or reset, then trust it anew",
    ),
    "no_stream": (
        "设备有应答，但没有视频",
        "It answers, but no video comes",
        "检查码流设置和带宽",
        "Check stream settings and bandwidth",
    ),
    "bad_stream": (
        "视频无法解码",
        "The video cannot be decoded",
        "检查编码格式设置",
        "Check the encoder settings",
    ),
    "picture_dark": ("画面过暗", "The picture is too dark", "检查补光灯和曝光", "Check lights and exposure"),
    "picture_over_bright": (
        "画面过亮",
        "The picture is too bright",
        "检查曝光和逆光",
        "Check exposure and back-light",
    ),
    "picture_blurred": (
        "画面模糊",
        "The picture is blurred",
        "清洁镜头并重新对焦",
        "Clean the lens and refocus",
    ),
    "picture_frozen": (
        "画面冻结",
        "The picture is frozen",
        "重启设备，检查编码器",
        "Restart the device; check its encoder",
    ),
    "picture_covered": (
        "镜头被遮挡",
        "The lens is covered",
        "到现场查看并清除遮挡",
        "Go and look, clear the lens",
    ),
    "not_registered": (
        "会议终端在线，但未在服务器注册，呼不通",
        "The endpoint lives and is not registered: nobody can call it",
        "核对终端的 SIP 服务器、号码和口令",
        "Check server, number and password in the endpoint's SIP setting",
    ),
    "poor_line": (
        "会议线路质量差（丢包、时延或抖动过大）",
        "The line to the endpoint loses or delays too much",
        "检查网线、交换机和上联带宽",
        "Check cable, switch and uplink bandwidth",
    ),
    "scene_changed": (
        "画面已移位",
        "The camera looks elsewhere",
        "核对并调回原角度",
        "Check and turn it back",
    ),
    "picture_colour_cast": (
        "画面偏色",
        "One colour lies over the picture",
        "白平衡设为自动，检查红外滤光片",
        "Set white balance to automatic; check the IR-cut filter",
    ),
    "picture_noisy": (
        "画面噪声或雪花",
        "Noise or snow in the picture",
        "检查供电、接地和接头，夜间检查补光",
        "Check power, earthing and plugs, at night the lamp",
    ),
    "picture_striped": (
        "画面有条纹",
        "Stripes in the picture",
        "检查供电和接地干扰，防闪烁设为 50 Hz",
        "Check power and earthing; set anti-flicker to 50 Hz",
    ),
    "picture_low_contrast": (
        "画面对比度异常",
        "The picture has too little contrast",
        "清洁镜头和护罩，检查宽动态设置",
        "Clean lens and housing; check wide dynamic range",
    ),
    "picture_grey": (
        "白天为黑白画面",
        "Black and white by day",
        "日夜模式设为自动，检查红外滤光片",
        "Set day/night to automatic; check the IR-cut filter",
    ),
    "picture_shaking": (
        "画面抖动",
        "The picture shakes",
        "紧固立杆、支架和云台",
        "Tighten pole, bracket and head",
    ),
    "objects_inside": (
        "有目标进入划定区域",
        "Something is inside a closed zone",
        "查看画面，由人确认",
        "Look and let a person confirm",
    ),
    "line_crossed": (
        "有目标越线",
        "A line was crossed",
        "查看画面，由人确认",
        "Look and let a person confirm",
    ),
    "clock_error": ("时钟偏差过大", "The clock is wrong", "校时", "Set the clock"),
}
"""What is wrong and what to do, each in both languages. Keys are the wire's reason words."""

BOX_REASONS: Final[dict[str, tuple[str, str, str, str]]] = {
    "unreachable": (
        "边缘盒失联，设备状态无法得知",
        "The box cannot be reached, so nobody can know how its devices are",
        "检查站点供电和上联网络",
        "Check the site's power and uplink",
    ),
    "planned_stop": (
        "边缘盒已正常停机",
        "The box was stopped on purpose",
        "确认后重新开机",
        "Start it again when ready",
    ),
    "starting": (
        "边缘盒尚未上线",
        "The box has not been online yet",
        "检查站点供电和上联网络",
        "Check power and uplink",
    ),
}
"""The same for the box itself."""

LEVELS: Final[dict[int, tuple[str, str]]] = {
    1: ("一级", "Level 1"),
    2: ("二级", "Level 2"),
    3: ("三级", "Level 3"),
    4: ("四级", "Level 4"),
}

CLASSES: Final[dict[str, tuple[str, str]]] = {
    "smart_camera": ("智能摄像机", "Smart camera"),
    "ptz_dome": ("球形摄像机", "PTZ dome"),
    "micro_checkpoint": ("微卡口", "Micro-checkpoint"),
    "face_capture": ("人脸抓拍设备", "Face-capture system"),
    "lookout": ("高空瞭望", "High lookout"),
    "integrated": ("整合一类监控", "Integrated camera"),
    "conference_endpoint": ("视联网终端", "Conference endpoint"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """The tables above in one language; templates call these by name."""

    language: str

    @property
    def other(self) -> str:
        return "en" if self.language == "zh" else "zh"

    @property
    def html_language(self) -> str:
        return "zh-CN" if self.language == "zh" else "en"

    def _pick(self, pair: tuple[str, ...]) -> str:
        return pair[0 if self.language == "zh" else 1]

    def label(self, key: str) -> str:
        """A fixed label. Raises KeyError: a template that asks for an unknown one is a bug."""
        return self._pick(LABELS[key])

    def verdict(self, word: str) -> str:
        return self._pick(VERDICTS.get(word, (word, word, "?")))

    def shape(self, word: str) -> str:
        return VERDICTS.get(word, ("", "", "?"))[2]

    def reason(self, word: str) -> str:
        return self._pick(REASONS.get(word, (word, word, "", ""))[:2])

    def remedy(self, word: str) -> str:
        return self._pick(REASONS.get(word, (word, word, "", ""))[2:])

    def box_reason(self, word: str) -> str:
        return self._pick(BOX_REASONS.get(word, (word, word, "", ""))[:2])

    def box_remedy(self, word: str) -> str:
        return self._pick(BOX_REASONS.get(word, (word, word, "", ""))[2:])

    def actor(self, name: str) -> str:
        """``system`` in words; an account or client by its name."""
        return self._pick(("系统", "system")) if name == "system" else name.partition(":")[2] or name

    def state(self, word: str) -> str:
        return self._pick(_STATES.get(word, (word, word)))

    def action(self, word: str) -> str:
        return self._pick(_ACTIONS.get(word, (word, word)))

    def level(self, number: int) -> str:
        return self._pick(LEVELS.get(number, (str(number), str(number))))

    def device_class(self, word: str) -> str:
        return self._pick(CLASSES.get(word, (word, word)))

    def scene(self, topic: str) -> str:
        """What a scene event is called; a topic of a newer box as it is."""
        return self._pick(scene_word(topic))

    def colon(self) -> str:
        return "：" if self.language == "zh" else ": "

    def duration(self, seconds: float) -> str:
        """``3小时12分`` or ``3 h 12 min``; below a minute in seconds; from one day on in days and hours.

        A smaller unit that is zero is left out.
        """
        whole = max(0, int(seconds))
        days, hours, minutes = whole // 86400, whole // 3600, whole // 60
        if days:
            return self._span((days, "天", "d"), (hours % 24, "小时", "h"))
        if hours:
            return self._span((hours, "小时", "h"), (minutes % 60, "分", "min"))
        if minutes:
            return self._span((minutes, "分", "min"))
        return self._span((whole, "秒", "s"))

    def _span(self, first: tuple[int, str, str], *smaller: tuple[int, str, str]) -> str:
        parts = [first, *(part for part in smaller if part[0])]
        return self._pick(
            ("".join(f"{n}{zh}" for n, zh, _ in parts), " ".join(f"{n} {en}" for n, _, en in parts))
        )


WORDS: Final = {language: Words(language) for language in LANGUAGES}
