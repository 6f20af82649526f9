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
