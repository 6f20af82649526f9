"""What is said to people about conference endpoints: Chinese first, English complete after " / "."""

from __future__ import annotations

from agent.devices.redact import quoted
from agent.devices.sentences import both
from agent.devices.sip_message import SipAnswer
from agent.model import LineQuality

_MEANINGS: dict[int, tuple[str, str]] = {
    401: ("在线，要求登录", "alive, wants a log-in"),
    403: ("在线，拒绝探测", "alive, refuses the probe"),
    404: ("在线，但没有这个号码：请核对 sip_user", "alive, does not know the number: check sip_user"),
    405: ("在线，不支持 OPTIONS", "alive, does not do OPTIONS"),
    407: ("在线，要求代理登录", "alive, wants a proxy log-in"),
    480: ("在线，暂时不可用", "alive, temporarily unavailable"),
    486: ("在线，正在会议中", "alive, busy in a meeting"),
    503: ("在线，服务未就绪", "alive, its service is not ready"),
}
_OTHER = ("在线", "alive")


def alive(where: str, found: SipAnswer) -> str:
    """An answer other than 200; each status says something else."""
    chinese, english = _MEANINGS.get(found.status, _OTHER)
    said = f"SIP {found.status} {quoted(found.reason, longest=40)}".strip()
    return both(f"{where} 会议终端{chinese}（{said}）", f"{where} is {english} ({said})")


def silent(where: str, *, ping: bool | None, tcp: str) -> str:
    """No answer to OPTIONS, by UDP or TCP. ``tcp``: ``open``, ``refused`` or ``silent``."""
    pinged = {True: ("有回应", "answers"), False: ("无回应", "does not"), None: ("未测", "not asked")}[ping]
    port = {"open": ("通", "open"), "refused": ("被拒绝", "refused"), "silent": ("不通", "silent")}[tcp]
    if ping or tcp != "silent":
        todo = ("主机在线，SIP 没有回应：请检查终端的 SIP 设置，或重启终端", "the host lives, SIP does not: ")
        remedy = "check its SIP setting or restart it"
    else:
        todo = ("请检查终端电源、网线和地址", "")
        remedy = "check the endpoint's power, cable and address"
    return both(
        f"{where} 没有回应 SIP（ping {pinged[0]}，TCP {port[0]}）：{todo[0]}",
        f"{where} did not answer SIP OPTIONS (ping {pinged[1]}, TCP {port[1]}): {todo[1]}{remedy}",
    )


def not_registered(where: str, user: str, registrar: str) -> str:
    return both(
        f"{where} 会议终端在线，但 {quoted(user)} 未在 {registrar} 注册，呼不通："
        "请核对终端的 SIP 服务器、号码和口令",
        f"{where} is alive, but {quoted(user)} is not registered at {registrar}: "
        "check server, number and password in the endpoint",
    )


def unknown_registration(registrar: str, why: str) -> str:
    return both(
        f"注册状态查不到（{registrar}：{quoted(why, longest=60)}）",
        f"registration cannot be told ({registrar}: {quoted(why, longest=60)})",
    )


def elsewhere(user: str, hosts: tuple[str, ...]) -> str:
    listed = ", ".join(quoted(host, longest=45) for host in hosts[:3])
    return both(f"{quoted(user)} 注册在别的地址 {listed}", f"{quoted(user)} is registered from {listed}")


def poor_line(where: str, line: LineQuality) -> str:
    told = line_told(line)
    return both(
        f"{where} 会议终端在线，但线路差（{told[0]}）：请检查网线、交换机和上联带宽",
        f"{where} is alive behind a poor line ({told[1]}): check cable, switch and uplink",
    )


def measured(where: str, line: LineQuality | None, grade: str | None) -> str:
    """What a series before a meeting says. ``grade``: ``good``, ``fair``, ``poor`` or None for too few."""
    if line is None:
        return both(
            f"{where} 线路测不了：ping 和 SIP（UDP）都没有回应",
            f"the line to {where} cannot be measured: neither ping nor SIP by UDP is answered",
        )
    chinese, english = _GRADES[grade]
    return both(f"{where} {chinese}", f"{where}: {english}")


_GRADES: dict[str | None, tuple[str, str]] = {
    "good": ("线路良好，可以开会", "a good line, fit for a meeting"),
    "fair": (
        "线路一般，可以开会，但画面可能卡顿：请检查上联带宽",
        "a fair line: pictures may stall, check the uplink",
    ),
    "poor": (
        "线路差，不宜开会：请检查网线、交换机和上联带宽",
        "a poor line: check cable, switch and uplink first",
    ),
    None: ("探测次数太少，不作结论：请用 --probes 50 以上", "too few probes to say: use --probes 50 or more"),
}


def line_told(line: LineQuality) -> tuple[str, str]:
    """Loss, delay and jitter in both languages."""
    loss = f"{line.loss_ratio * 100:.1f} %"
    delay = "-" if line.delay_ms is None else f"{line.delay_ms:.1f} ms"
    jitter = "-" if line.jitter_ms is None else f"{line.jitter_ms:.1f} ms"
    return (f"丢包 {loss}，时延 {delay}，抖动 {jitter}", f"loss {loss}, delay {delay}, jitter {jitter}")
