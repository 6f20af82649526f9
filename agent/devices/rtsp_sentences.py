"""What is said about the log-in of a stream. Law: as in ``sentences``."""

from __future__ import annotations

from agent.devices.sentences import both


def stream_rests(where: str, left_s: float) -> str:
    """ONVIF takes the password, the stream refused it."""
    minutes = max(1, -(-int(left_s) // 60))
    return both(
        f"{where}：视频流曾拒绝该用户名或密码，为避免锁定，{minutes} 分钟后再试。"
        "请在设备上核对该用户的视频（RTSP）权限和密码，然后重启边缘盒服务",
        f"{where}: the stream refused this user name or password; the next try is in {minutes} min so that "
        "the account is not locked. Check on the device the user's right and password for video (RTSP), then "
        "restart the box service",
    )


def foreign_port(where: str, port: int) -> str:
    """The stream's address leads to a port of another row."""
    return both(
        f"{where} 返回的视频流地址指向端口 {port}，台账中那是同一地址后的另一台设备，未访问："
        "若经端口映射接入请设置 port_forwarded = true，否则改正 rtsp_port",
        f"{where} returned a stream at port {port}, which is another device's of the ledger behind the same "
        "address, nothing is asked there: set port_forwarded = true if it is behind port forwarding, else "
        "correct rtsp_port",
    )


def basic_forbidden(where: str) -> str:
    """The ledger forbids the password in clear."""
    return both(
        f"{where} 的视频流只接受明文口令（Basic），配置不允许，口令没有发送："
        "请在设备上把 RTSP 认证改为 digest，或设 rtsp_basic = true",
        f"the stream of {where} wants the password in clear (Basic), which the configuration forbids; it was "
        "not sent: set RTSP authentication to digest on the device, or rtsp_basic = true",
    )


def basic_in_doubt(where: str) -> str:
    """A device that is known does not show what it is known by, and asks for the password in clear."""
    return both(
        f"{where} 要求明文口令（Basic），但无法确认应答的是登记的设备，口令没有发送："
        "请核对设备和地址；确认无误后设 rtsp_basic = true，或在设备上把 RTSP 认证改为 digest",
        f"{where} wants the password in clear (Basic) and cannot be recognised as the enrolled device; it "
        "was not sent: check device and address, then set rtsp_basic = true, or RTSP "
        "authentication to digest on the device",
    )
