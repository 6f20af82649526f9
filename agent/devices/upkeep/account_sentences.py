"""What is said about accounts on a device. Law: as ``agent.devices.sentences``; never a password."""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.redact import quoted
from agent.devices.sentences import both


def no_account(where: str, name: str, there: str) -> str:
    return both(
        f"{where} 没有用户 {quoted(name, longest=40)}，有：{quoted(there)}",
        f"{where} has no user {quoted(name, longest=40)}; there are: {quoted(there)}",
    )


def level_not_ours(where: str, name: str, level: str) -> str:
    return both(
        f"{where} 的用户 {quoted(name, longest=40)}（{level}）是管理员或登录用户，不能从这里改级别",
        f"{where}: user {quoted(name, longest=40)} ({level}) is an administrator or the one the box logs in "
        "with, its level is not changed from here",
    )


def no_level(where: str, level: str, levels: Sequence[str]) -> str:
    return both(
        f"{where}：级别 {quoted(level, longest=20)} 不可用，可选 {'、'.join(levels)}",
        f"{where}: level {quoted(level, longest=20)} is not given from here, there are {', '.join(levels)}",
    )


def password_too_long(where: str, longest: int) -> str:
    return both(
        f"{where}：口令最多 {longest} 个字符，更长的不是每种设备都接受",
        f"{where}: a password has at most {longest} characters, not every make takes more",
    )
