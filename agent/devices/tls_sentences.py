"""What is said of a device's TLS and its certificate. Law: as in ``sentences``."""

from __future__ import annotations

from agent.devices.redact import quoted
from agent.devices.sentences import both


def not_tls(where: str) -> str:
    return both(
        f"{where} 有应答，但不是 HTTPS，未发送任何口令：请在设备上启用 HTTPS 并核对端口，或在配置中去掉 tls",
        f"{where} answers, but not in HTTPS, and was sent no password: enable HTTPS on the device and check "
        "the port, or take tls out of the configuration",
    )


def refused(where: str, why: str) -> str:
    return both(
        f"{where} 的 HTTPS 握手失败（{quoted(why)}）：请在设备上启用 TLS 1.2 或更高版本，或升级固件",
        f"the TLS handshake with {where} failed ({quoted(why)}): enable TLS 1.2 or newer on the device, "
        "or update its firmware",
    )


def broken(where: str, why: str) -> str:
    return both(
        f"{where} 的 HTTPS 数据是坏的（{quoted(why)}），已中断：请升级固件或更换设备",
        f"{where} sent broken TLS ({quoted(why)}) and was cut off: update or replace the device",
    )


def no_certificate(where: str) -> str:
    return both(
        f"{where} 的 HTTPS 没有证书，已中断：请在设备上生成自签名证书",
        f"{where} shows no certificate and was cut off: make a self-signed certificate on the device",
    )


def certificate_changed(where: str, device: str, pinned: str, shown: str) -> str:
    return both(
        f"{where} 的 HTTPS 证书变了（原 {short(pinned)}，现 {short(shown)}），未发送口令。"
        f"若设备刚更换、复位或换过证书，请运行 outpost-agent devices trust {device} 核对后确认；"
        "否则可能有人冒充设备，请到现场检查",
        f"{where} shows another certificate (was {short(pinned)}, is {short(shown)}) and was sent no "
        f"password. If the device was replaced, reset or given a new one, check and confirm it with "
        f"outpost-agent devices trust {device}; otherwise somebody may stand between: inspect the site",
    )


def nothing_to_trust(where: str) -> str:
    return both(
        f"{where} 未设 tls，没有证书可确认：请先在配置中设 tls = true",
        f"{where} is not spoken to over TLS, there is no certificate to trust: set tls = true first",
    )


def short(fingerprint: str) -> str:
    """The first eight bytes of a fingerprint as people compare them: ``3F:09:…``."""
    return colons(fingerprint[:16]) + "…"


def colons(fingerprint: str) -> str:
    """A hexadecimal fingerprint as openssl and browsers write it: ``3F:09:A1…``."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()
