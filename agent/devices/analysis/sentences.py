"""What is said about the analysis stream. Law: as ``agent.devices.sentences``."""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.redact import quoted
from agent.devices.sentences import both


def larger(size: str) -> str:
    return both(
        f"没有不大于 640x360 的尺寸，用 {size}，解码更费",
        f"no size up to 640x360, {size} costs more to decode",
    )


def other_rate(fps: float) -> str:
    return both(f"帧率只能是 {fps:g}，不在 5 到 10 之间", f"the frame rate can only be {fps:g}, not 5 to 10")


def no_group() -> str:
    return both("设备不让设关键帧间隔", "the device does not let the key frame interval be set")


def long_group(seconds: float) -> str:
    return both(f"关键帧间隔最短 {seconds:.1f} 秒", f"its key frames are at least {seconds:.1f} s apart")


def streams_otherwise(name: str, wanted: object, found: object) -> str:
    what = {"codec": "编码", "size": "尺寸", "fps": "帧率", "gop": "关键帧间隔"}[name]
    english = {"codec": "codec", "size": "size", "fps": "frame rate", "gop": "key frame interval"}[name]
    return both(
        f"{what} 要求 {wanted}，实际 {found}", f"the stream's {english} is {found}, asked was {wanted}"
    )


def no_profile(where: str) -> str:
    return both(
        f"{where} 没有可以看的码流，无法配置分析码流：请先检查设备的码流配置",
        "the device has no stream to watch, so none is made: check its stream settings first",
    )


def no_free_encoder(where: str, used: Sequence[str], takes: str) -> str:
    listed = "; ".join(used[:8]) or "-"
    if not takes:
        return both(
            f"{where} 没有空闲的编码器（{listed}），也没有可以共用的：继续用子码流",
            f"no encoder is free ({listed}) and none can be shared: the sub-stream goes on being watched",
        )
    return both(
        f"{where} 没有空闲的编码器（{listed}）；若码流可以跟着变，用 --shared 改 {quoted(takes, longest=64)}",
        f"no encoder is free ({listed}); where those streams may change with it, --shared takes "
        f"{quoted(takes, longest=64)}",
    )


def profiles_full(where: str, used: int, most: int) -> str:
    return both(
        f"{where} 的配置文件（profile）已满：{used}/{most}，请在设备上删掉不用的，或用 --shared",
        f"all {most} profiles of the device are used: delete one that is not needed, or use --shared",
    )


def use(encoder: str, users: Sequence[str]) -> str:
    shown = ", ".join(quoted(user, longest=40) for user in users[:6])
    return f"{quoted(encoder, longest=40)}: {shown}"


def inside() -> str:
    return "设备内部 the device itself"


def not_made(where: str) -> str:
    return both(
        f"{where} 说已建好 outpost-analysis，读回却不完整，已恢复原状",
        "the device said that the profile was made and does not show it whole; it was put back",
    )


def put_back(refusal: str) -> str:
    return both(f"{refusal}；已恢复原状", "everything was put back as it was")


def not_put_back(refusal: str, why: str) -> str:
    return both(
        f"{refusal}；没能恢复原状（{why}）：设备可用后请运行 devices analysis 编号 --undo",
        "it could not be put back now: run devices analysis ID --undo once the device is there",
    )


def still_there(where: str) -> str:
    return both(
        f"{where} 说已删除 outpost-analysis，读回仍在：请在设备上删除",
        "the device said that the profile is deleted and still shows it: delete it on the device",
    )


def nothing_to_undo(where: str) -> str:
    return both(f"{where} 上没有前哨的分析码流", "there is no analysis stream of the box on it")


def undo_first(where: str, encoder: str) -> str:
    shown = quoted(encoder, longest=64)
    return both(
        f"{where} 的编码器 {shown} 还没有恢复原状：请先 devices analysis 编号 --undo，再 --apply",
        f"the encoder {shown} is not put back yet: devices analysis ID --undo first, then --apply",
    )


def unknown_before() -> str:
    return both(
        "没有记下编码器原来的设置，保持现状", "what the encoder was before is not noted, it stays as it is"
    )


def changed_since(name: str, found: object) -> str:
    return both(
        f"{name} 后来被别人改为 {found}，不动它", f"{name} was changed to {found} by somebody since, it stays"
    )
