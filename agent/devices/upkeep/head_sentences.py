"""What is said to people about moving heads and their tours. Chinese first, then English."""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.sentences import both


def no_tour(where: str, token: str, listed: str) -> str:
    return both(
        f"{where} 没有巡航 {token}，有：{listed}", f"{where} has no tour {token}; there are: {listed}"
    )


def tour_did_not(where: str, token: str, wanted: str, state: str) -> str:
    return both(
        f"{where} 的巡航 {token} 要求 {wanted}，设备仍报告 {state}：请在设备网页上操作，或升级固件",
        f"{where}: tour {token} was asked to {wanted} and the device still says {state}: "
        "use its own page or update its firmware",
    )


def empty_tour(where: str) -> str:
    return both(
        f"{where}：巡航至少要两个停留点，未发送任何修改",
        f"{where}: a tour needs two spots at the least; nothing was sent",
    )


def bad_stay(where: str, problems: Sequence[str], allowed: str) -> str:
    listed = "; ".join(problems[:10])
    return both(
        f"{where}：停留时间 {listed} 不在 {allowed} 秒之内，未发送任何修改",
        f"{where}: stays {listed} are not within {allowed} s; nothing was sent",
    )


def not_turned(where: str, token: str, wanted: str, found: str) -> str:
    return both(
        f"{where} 答应转到预置位 {token}（{wanted}），实际停在 {found}：云台可能失控或卡住，请到现场查看",
        f"{where} agreed to turn to preset {token} ({wanted}) and looks at {found}: "
        "the head may be stuck, look at it on site",
    )


def place_not_told(where: str, token: str) -> str:
    return both(
        f"{where} 不报告云台位置，无法核对是否转到 {token}：请看画面",
        f"{where} does not tell where it looks, so nobody can say whether it is at {token}: see the picture",
    )


def not_home(where: str, wanted: str, found: str) -> str:
    return both(
        f"{where} 答应转到守望位（{wanted}），实际停在 {found}：守望位未保存，或云台卡住，"
        "请在设备网页上重设守望位",
        f"{where} agreed to turn home ({wanted}) and looks at {found}: home was not kept, "
        "or the head is stuck; set home on its own page",
    )


def home_set(where: str) -> str:
    return both(
        f"{where} 已接受守望位；是否保存，转走后用 --home 看画面才知道",
        f"{where} took the home position; whether it was kept shows only after turning away: "
        "use --home and see the picture",
    )


def home_open(where: str) -> str:
    return both(
        f"{where} 已接受转到守望位；守望位在哪里设备不报告，无法核对：请看画面",
        f"{where} agreed to turn home; it does not tell where home is, nobody can compare: see the picture",
    )


def at_home(where: str) -> str:
    return both(f"{where} 停在守望位，已核对", f"{where} stands at home, compared")
