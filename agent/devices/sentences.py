"""What is said to people when a device does not do what it should: who, what, which value, what next.

Law: Chinese first, English complete after " / "; no credentials; text of the device only through ``quoted``.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.redact import quoted

_UNITS = ((86_400, "天", "d"), (3_600, "小时", "h"), (60, "分", "min"), (1, "秒", "s"))


def both(chinese: str, english: str) -> str:
    """One sentence in both languages."""
    return f"{chinese} / {english}"


def unreachable(where: str, why: str) -> str:
    return both(
        f"{where} 连不上（{why}）：请检查电源、网线和地址",
        f"{where} cannot be reached ({why}): check power, cable and address",
    )


def refused(where: str) -> str:
    return both(
        f"{where} 拒绝连接：设备可能正在重启，或端口不对；请检查电源和端口",
        f"{where} refuses the connection: the device may be restarting or the port is wrong; "
        "check power and port",
    )


def hung(where: str, seconds: float, received: int) -> str:
    return both(
        f"{where} 能连上，但 {seconds:g} 秒内没有答完（收到 {received} 字节）：设备可能死机，请断电重启",
        f"{where} accepts the connection and did not finish its answer within {seconds:g} s "
        f"({received} bytes came): it may hang, power-cycle it",
    )


def hung_up(where: str) -> str:
    return both(
        f"{where} 未作答就断开了连接：设备可能正在重启，请稍后再看",
        f"{where} closed the connection without an answer: it may be restarting, look again later",
    )


def too_big(where: str, cap_bytes: int) -> str:
    return both(
        f"{where} 的回答超过 {cap_bytes} 字节，已中断：请升级固件或更换设备",
        f"{where} answered with more than {cap_bytes} bytes and was cut off: update or replace the device",
    )


def redirected(where: str, status: int, location: str) -> str:
    return both(
        f"{where} 要求转到 {quoted(location)}（HTTP {status}），不予跟随：请在设备上关闭跳转；"
        "若设备强制 HTTPS，请在配置中设 tls = true",
        f"{where} redirects (HTTP {status}) to {quoted(location)}, which is never followed: "
        "switch the redirect off on the device; where it forces HTTPS, set tls = true in the configuration",
    )


def encoded(where: str, encoding: str) -> str:
    return both(
        f"{where} 的回答用了未要求的压缩 {quoted(encoding, longest=20)}，不予解压：请升级固件或更换设备",
        f"{where} answered with the content encoding {quoted(encoding, longest=20)} nobody asked for, "
        "it is not unpacked: update or replace the device",
    )


def not_http(where: str) -> str:
    return both(
        f"{where} 有应答，但不是 HTTP：请核对 ONVIF 端口；若是 HTTPS 端口，请在配置中设 tls = true",
        f"{where} answers, but not in HTTP: check the ONVIF port; where it is one of HTTPS, set tls = true",
    )


def web_page(where: str, status: int) -> str:
    return both(
        f"{where} 回的是网页（HTTP {status}），不是 ONVIF：请在设备网页里启用 ONVIF（集成协议）",
        f"{where} answers with a web page (HTTP {status}) instead of ONVIF: "
        "enable ONVIF on the device's own page (integration protocol)",
    )


def not_onvif(where: str, what: str) -> str:
    return both(
        f"{where} 的回答不是 ONVIF（{what}）：请启用 ONVIF 或核对端口",
        f"{where} does not answer as an ONVIF device ({what}): enable ONVIF or check the port",
    )


def onvif_closed(where: str, rtsp_port: int) -> str:
    return both(
        f"{where} 的 ONVIF 端口不通，但视频端口 {rtsp_port} 开着："
        "请启用 ONVIF（网页→配置→网络→高级→集成协议），或改正端口",
        f"the ONVIF port of {where} is closed while its video port {rtsp_port} is open: "
        "enable ONVIF on the device's page or correct the port",
    )


def broken(where: str, why: str) -> str:
    return both(
        f"{where} 的回答是坏的（{why}），已丢弃：请升级固件或更换设备",
        f"{where} sent a broken answer ({why}), it was dropped: update or replace the device",
    )


def fault(where: str, operation: str, said: str) -> str:
    return both(
        f"{where} 对 {operation} 报错“{quoted(said)}”：请稍后重试，仍不行则升级固件",
        f'{where} answered {operation} with the fault "{quoted(said)}": '
        "try again later, then update its firmware",
    )


def not_supported(where: str, operation: str) -> str:
    return both(
        f"{where} 不支持 {operation}：请在设备网页上操作，或升级固件后再试",
        f"{where} does not support {operation}: use its own page, or update its firmware and try again",
    )


def port_dead(detail: str, port: int) -> str:
    """``detail`` of a connection to a returned port, with the way out: the enrolled port answers."""
    chinese, slash, english = detail.partition(" / ")
    return both(
        f"{chinese}。录入的端口 {port} 有应答：若设备在端口映射之后，请设 port_forwarded = true",
        f"{english if slash else detail}. The enrolled port {port} answers: "
        "where the device is behind port forwarding, set port_forwarded = true",
    )


def no_video(seconds: float) -> str:
    return both(
        f"{seconds:g} 秒内没有视频：请检查设备的码流设置和 RTSP 端口，或用 --video-s 多等一会",
        f"no video within {seconds:g} s: check the device's stream settings and its RTSP port, "
        "or wait longer with --video-s",
    )


def password_refused(where: str, username: str, pause_s: float) -> str:
    minutes = max(1, round(pause_s / 60))
    return both(
        f"{where}：用户名或密码不对（用户 {quoted(username, longest=32)}）。"
        f"已试 1 次，为避免锁定，{minutes} 分钟内不再重试。请改正口令文件，然后重启边缘盒服务",
        f"{where}: wrong user name or password (user {quoted(username, longest=32)}). Tried once; "
        f"not tried again for {minutes} min so that the account is not locked. "
        "Correct the password file, then restart the box service",
    )


def no_password(where: str) -> str:
    return both(
        f"{where} 要求登录，但没有填用户名和密码：请在边缘盒配置里填写",
        f"{where} asks for a log-in and none was entered: enter user name and password file "
        "in the box's configuration",
    )


def account_rests(where: str, left_s: float) -> str:
    minutes = max(1, -(-int(left_s) // 60))
    return both(
        f"{where}：密码曾被拒绝，为避免锁定，{minutes} 分钟后再试。请改正口令文件，然后重启边缘盒服务",
        f"{where}: the password was refused before; the next try is in {minutes} min so that the account "
        "is not locked. Correct the password file, then restart the box service",
    )


def no_challenge(where: str, offered: str) -> str:
    return both(
        f"{where} 拒绝请求，却未给出可用的登录方式（{offered or '-'}），未发送口令："
        "请在设备网页启用摘要认证 Digest",
        f"{where} refuses the request and asks for no way to log in that is used with it ({offered or '-'}), "
        "the password is not sent: turn on digest authentication on the device's page",
    )


def foreign_port(where: str, port: int) -> str:
    return both(
        f"{where} 返回的地址指向端口 {port}，该端口不是它自己声明的，可能属于同一地址后的其他设备，未访问："
        "若经端口映射接入请设置 port_forwarded = true，否则在设备网页核对端口",
        f"{where} returned an address with port {port}, which it does not list as its own and which may be "
        "another device's behind the same address, nothing is asked there: set port_forwarded = true if it "
        "is behind port forwarding, else check the ports on the device's page",
    )


def login_under_way(where: str) -> str:
    return both(
        f"{where}：另一处正在尝试登录，为避免锁定不同时再试，稍后自动重试",
        f"{where}: a log-in is being tried already and no second one beside it, so that the account is not "
        "locked; it is asked again shortly",
    )


def locked(where: str, said: str) -> str:
    return both(
        f"{where}：账号被设备锁定（“{quoted(said)}”），10 分钟内不再登录："
        "请核对口令，并停掉用错口令登录它的其他系统",
        f'{where}: the device has locked the account ("{quoted(said)}"); no log-in is tried for 10 min: '
        "check the password, and stop other systems that log in with a wrong one",
    )


def clock_off(where: str, error_s: float) -> str:
    ahead = error_s > 0
    chinese, english = _duration(abs(error_s))
    return both(
        f"{where}：设备时间{'快' if ahead else '慢'} {chinese}。请在设备上校时，或设置 NTP 服务器",
        f"{where}: the device's clock is {english} {'fast' if ahead else 'slow'}. "
        "Set its clock, or give it an NTP server",
    )


def no_free_slot(where: str, said: str) -> str:
    return both(
        f"{where} 的事件订阅名额已满（“{quoted(said)}”）：请停掉其他订阅它的平台，或等名额到期",
        f'{where} has no free event subscription ("{quoted(said)}"): '
        "stop other systems that subscribe to it, or wait until one expires",
    )


def subscription_lost(where: str, said: str) -> str:
    return both(
        f"{where} 丢了事件订阅（“{quoted(said)}”），将重新订阅",
        f'{where} lost the event subscription ("{quoted(said)}"), it will be made anew',
    )


def no_profiles(where: str) -> str:
    return both(
        f"{where} 没有可用的视频流配置：请在设备上启用主码流或子码流",
        f"{where} offers no usable video profile: enable the main or sub stream on the device",
    )


def bad_address(where: str, why: str) -> str:
    return both(
        f"{where} 返回的地址不能用（{quoted(why)}）：请升级固件或更换设备",
        f"{where} returned an address that cannot be used ({quoted(why)}): update or replace the device",
    )


def not_jpeg(where: str, size: int) -> str:
    return both(
        f"{where} 的抓图不是 JPEG（{size} 字节）：请在设备网页上启用 JPEG 抓图，或升级固件",
        f"{where} sent a snapshot that is no JPEG ({size} bytes): "
        "enable JPEG snapshots on its own page, or update its firmware",
    )


def read_only(where: str, operation: str) -> str:
    return both(
        f"{where} 只读，不执行 {operation}：整合类（归公安）不可写；"
        "自动发现的请先在配置中以同一编号写 [[device]]",
        f"{where} is read only, {operation} is not done: an integrated device belongs to the police, and one "
        "that discovery found needs a [[device]] row with its id and class first",
    )


def rtsp_answer(where: str, status: int, said: str) -> str:
    return both(
        f"{where} 的视频服务回 {status} {quoted(said, longest=40)}：请核对码流路径",
        f"the video service of {where} answers {status} {quoted(said, longest=40)}: check the stream's path",
    )


def rtsp_only(where: str) -> str:
    return both(
        f"{where} 只有视频流，不问 ONVIF：画面用 stream_path 接入；要管理它，请在设备网页上启用 ONVIF",
        f"{where} has a stream only, ONVIF is not asked: its picture comes by stream_path; "
        "to manage it, enable ONVIF on its own page",
    )


def _duration(seconds: float) -> tuple[str, str]:
    """Its two largest units in both languages: ``1天6小时``, ``3小时12分``; what is zero is left out."""
    rest, spans = round(seconds), []
    for size_s, chinese, english in _UNITS:
        count, rest = divmod(rest, size_s)
        spans.append((count, chinese, english))
    first = next((i for i, (count, _, _) in enumerate(spans) if count), len(spans) - 1)
    said = [span for i, span in enumerate(spans[first : first + 2]) if span[0] or i == 0]
    return "".join(f"{n}{unit}" for n, unit, _ in said), " ".join(f"{n} {unit}" for n, _, unit in said)


def no_such_setting(name: str) -> str:
    return both(f"{name}：设备没有这项设置", f"{name}: the device has no such setting")


def setting_read_only(name: str) -> str:
    return both(f"{name}：此项只读", f"{name}: can only be read")


def outside(name: str, value: object, allowed: str) -> str:
    return both(f"{name}={value}：设备只接受 {allowed}", f"{name}={value}: the device takes {allowed}")


def bad_values(where: str, problems: Sequence[str], there: Sequence[str]) -> str:
    listed = "; ".join(problems[:10])
    known = f"；可设置 there are: {', '.join(there[:60])}" if there else ""
    return f"{where} 未发送任何修改 nothing was sent: {listed}{known}"


def kept_instead(name: str, wanted: object, found: object) -> str:
    return f"{name}: 要求 wanted {wanted}, 实际 found {'-' if found is None else found}"


def moved_by_itself(name: str, before: object, found: object) -> str:
    return f"{name}: 未要求却变了 moved by itself {before} -> {'-' if found is None else found}"


def not_kept(where: str, differences: Sequence[str]) -> str:
    listed = "; ".join(differences[:10])
    return both(
        f"{where} 回答“成功”，但读回不一致：{listed}。请升级固件，或在设备网页上设置",
        f"{where} said yes, but kept something else: {listed}. Update its firmware or use its own page",
    )


def clock_by_ntp(where: str) -> str:
    return both(
        f"{where} 由 NTP 校时，不能手工设置：请先把 time.mode 改为 Manual，或检查 NTP 服务器",
        f"{where} takes its time from NTP: set time.mode to Manual first, or mend the server",
    )


def account_exists(where: str, name: str) -> str:
    return both(
        f"{where} 已有用户 {name}：换一个名字，或先删除它",
        f"{where} already has a user {name}: take another name or remove it first",
    )


def not_our_account(where: str, name: str, level: str) -> str:
    return both(
        f"{where} 的用户 {name}（{level}）不是边缘盒建立的，不能从这里删除",
        f"{where}: user {name} ({level}) was not made by the box and is not deleted from here",
    )


def other_serial(where: str, told: str, given: str) -> str:
    return both(
        f"{where} 的序列号是 {quoted(told)}，不是 {quoted(given)}：未发送任何操作，请确认设备",
        f"{where} has serial {quoted(told)}, not {quoted(given)}: nothing was sent, make sure of the device",
    )


def did_not_restart(where: str, seconds: float) -> str:
    return both(
        f"{where} 回答了重启，但 {seconds:g} 秒内没有离线：请断电重启",
        f"{where} agreed to restart and was not away within {seconds:g} s: power-cycle it",
    )


def image_refused(where: str, file: str) -> str:
    return both(
        f"{where} 不接受文件 {file}（HTTP 415）：不是这个型号的文件，或文件已损坏",
        f"{where} does not take {file} (HTTP 415): it is for another model, or damaged",
    )


def upload_failed(where: str, status: int) -> str:
    return both(
        f"{where} 接收文件失败（HTTP {status}）：请稍后重试；仍失败请重启设备",
        f"{where} failed to take the file (HTTP {status}): try again later, then restart the device",
    )


def no_file(file: str) -> str:
    return both(f"文件不存在 {file}", f"no such file {file}")


def wrong_hash(file: str) -> str:
    return both(f"{file} 的 SHA-256 不符：请重新下载", f"{file} has another SHA-256: fetch it again")


def wrong_model(wanted: str, present: str) -> str:
    return both(
        f"固件适用于 {quoted(wanted)}，设备是 {quoted(present)}：未发送",
        f"the firmware is for {quoted(wanted)}, the device is a {quoted(present)}: nothing was sent",
    )


def no_preset(where: str, token: str, listed: str) -> str:
    return both(
        f"{where} 没有预置位 {token}，有：{listed}", f"{where} has no preset {token}; there are: {listed}"
    )


def not_activated(where: str) -> str:
    return both(
        f"{where} 未激活，还没有口令：请先在设备网页或厂家工具上激活，再录入口令",
        f"{where} is not activated and has no password yet: activate it on its own page first",
    )
