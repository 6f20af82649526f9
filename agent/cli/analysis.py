"""Command ``analysis``: a small stream of the box's own on a camera, shown first, made, verified, undone.

Law: without ``--apply`` or ``--undo`` nothing is written. What it costs and what it brings is said before.
"""

from __future__ import annotations

import argparse
import contextlib

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.devices.analysis import NAME, AnalysisStream, Applied, Plan, Undone
from agent.model import Device, StreamMeasure
from agent.video.measure import measure

EXIT_OK, EXIT_TROUBLE, EXIT_REFUSED = 0, 1, 3

_BRINGS = (
    "好处：每秒一个关键帧，约 1 秒就能发现快速经过的人和车（关键帧间隔 2 秒时约只有六成），解码量小 / "
    "brings: a key frame a second finds fast movers (one in 2 s finds about 6 of 10); little to decode"
)
_COSTS = (
    "代价：摄像机多编一路 640x360 小码流，网络多约 0.5 Mb/s；录像和预览用的码流不变 / "
    "costs: the camera encodes one more small stream, about 0.5 Mb/s on the line; other streams stay"
)
_COSTS_SHARED = (
    "代价：下列码流会一起改变，用它录像或预览的也会变 / "
    "costs: these streams change too, for whoever records or shows them"
)


def analysis(desk: Desk, options: argparse.Namespace) -> int:
    """Show what would be done; with ``--apply`` do it, with ``--undo`` undo it."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.analysis(device)) as stream:
        if options.undo:
            return _undo(desk, options, device, stream)
        plan = stream.plan(shared=options.shared)
        note = stream.note
        _print_plan(desk, device, plan, verified=note is not None and note.verified)
        if not options.apply or plan.obstacle:
            desk.paper.document({"device": device.id, "plan": plan, "note": note})
            if not plan.obstacle:
                desk.paper.line(
                    "预演：没有发送任何修改，--apply 建立 / dry run: nothing was sent; --apply does it"
                )
            return EXIT_TROUBLE if plan.obstacle and options.apply else EXIT_OK
        asks = f"在 {device.id} 上建立分析码流 / make the analysis stream"
        if not confirmed(desk, options, asks):
            return EXIT_REFUSED
        desk.paper.line("正在建立，并看十几秒核对 / making it, and looking at it for some seconds")

        def look(token: str) -> StreamMeasure:
            return measure(device, desk.room.profile_uri(device, token))

        applied = stream.apply(look, shared=options.shared)
    desk.paper.document({"device": device.id, "applied": applied, "verified": applied.verified})
    _print_applied(desk, applied)
    return EXIT_OK if applied.verified else EXIT_TROUBLE


def _undo(desk: Desk, options: argparse.Namespace, device: Device, stream: AnalysisStream) -> int:
    if not confirmed(desk, options, f"撤销 {device.id} 的分析码流 / undo its analysis stream"):
        return EXIT_REFUSED
    undone = stream.undo()
    desk.paper.document({"device": device.id, "undone": undone})
    _print_undone(desk, undone)
    return EXIT_TROUBLE if undone.left else EXIT_OK


def _print_plan(desk: Desk, device: Device, plan: Plan, *, verified: bool) -> None:
    if desk.paper.as_json:
        return
    rows = [
        ("配置文件 profiles", f"{plan.profiles} / {_number(plan.most_profiles)}"),
        ("编码器 encoders", f"{plan.encoders} / {_number(plan.most_encoders)}"),
        ("空闲编码器 free encoders", ", ".join(plan.free_encoders)),
    ]
    if not plan.obstacle:
        made = f"新建 make {NAME}" if plan.makes_profile else f"已有 present {plan.profile}"
        rows += [("分析码流 analysis stream", made), ("用编码器 encoder", plan.encoder)]
    desk.paper.table(("项目 item", "值 value"), rows, empty="")
    if plan.obstacle:
        desk.paper.line(plan.obstacle)
        return
    changes = [(one.name, one.before, one.wanted) for one in plan.changes]
    empty = "编码器设置已经合适 / the encoder is set right already"
    desk.paper.table(("设置 setting", "现在 now", "改为 becomes"), changes, empty=empty)
    for sentence in plan.short:
        desk.paper.line(f"！ {sentence}")
    if plan.shared_with:
        desk.paper.line(f"！ {_COSTS_SHARED}: {', '.join(plan.shared_with)}")
    elif plan.makes_profile:
        desk.paper.line(_COSTS)
    desk.paper.line(_BRINGS)
    if plan.profile and plan.ours:
        state = "已核对，盒子在用 / verified and in use" if verified else "未核对 / not verified"
        desk.paper.line(f"{device.id}: {state}")


def _print_applied(desk: Desk, applied: Applied) -> None:
    if applied.measured is not None:
        seen = applied.measured
        gop = "-" if seen.gop_s is None else f"{seen.gop_s:.2f} s"
        desk.paper.line(
            f"实测 measured: {seen.codec} {seen.width}x{seen.height} {seen.fps:.1f} fps, 关键帧间隔 GOP {gop}"
        )
    for sentence in applied.differences:
        desk.paper.line(f"× {sentence}")
    if applied.verified:
        desk.paper.line(
            "已建立并核对；边缘盒下次连接该摄像机时改用它 / made and verified; the box uses it from its next "
            "connection to the camera"
        )
        return
    if applied.trouble:
        desk.paper.line(f"已建立，但看不到码流 / made, but the stream cannot be seen: {applied.trouble}")
    desk.paper.line(
        "未通过核对，边缘盒继续用子码流：修正后再 --apply，或 --undo 恢复原状 / "
        "not verified, the box goes on with the sub-stream: --apply again once it is put right, or --undo"
    )


def _print_undone(desk: Desk, undone: Undone) -> None:
    for sentence in undone.left:
        desk.paper.line(f"！ {sentence}")
    if undone.change is not None and not desk.paper.as_json:
        rows = [(one.name.partition(".")[2], one.before, one.after) for one in undone.change.fields]
        desk.paper.table(("设置 setting", "之前 before", "恢复为 restored"), rows, empty="")
    desk.paper.line("已撤销并读回核对 / undone, read back and compared")


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)
