"""What is said about files given to a device. Law: as ``agent.devices.sentences``."""

from __future__ import annotations

from agent.devices.redact import quoted
from agent.devices.sentences import both


def no_way(where: str, newer: str, older: str) -> str:
    return both(
        f"{where} 不支持 {newer}，也不支持 {older}：请用厂家工具",
        f"{where} supports neither {newer} nor {older}: use its maker's own tool",
    )


def file_refused(where: str, file: str, said: str) -> str:
    return both(
        f"{where} 不接受文件 {file}（“{quoted(said)}”）：不是这个型号的文件，或文件已损坏",
        f'{where} does not take {file} ("{quoted(said)}"): it is for another model, or damaged',
    )


def not_restored(where: str, file: str) -> str:
    return both(
        f"{where} 接受了备份 {file}，但配置与恢复前完全相同，备份未生效：请用设备网页恢复",
        f"{where} took the backup {file} and its configuration is the very one from before: "
        "it did not come about; restore on its own page",
    )


def restored(where: str) -> str:
    return both(f"{where} 已恢复配置，已核对", f"{where}: restored and compared")


def restore_open(where: str) -> str:
    return both(
        f"{where} 已接受备份并恢复应答；其备份每次不同或不可读，无法核对：请查看一项设置",
        f"{where} took the backup and answers; its backups differ each time or cannot be read, nobody can "
        "compare: look at one of its settings",
    )
