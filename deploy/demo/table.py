"""What the terminal shows: the steps with their moments and latencies, and the sums below."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.demo.layout import Pace
from deploy.demo.reckoning import Reckoning
from deploy.demo.story import Record

COUNTY_OFFSET_S: Final = 8 * 3600
"""Asia/Shanghai has had no other offset since 1991."""
MISSING: Final = "·"

Moment = Callable[[Record], float | None]

STAGES: Final[tuple[tuple[str, Moment, Moment], ...]] = (
    ("发生→边缘盒确认 / happened → confirmed", lambda r: r.happened_s, lambda r: r.confirmed_s),
    ("确认→事项 / confirmed → incident", lambda r: r.confirmed_s, lambda r: r.opened_s),
    ("确认→接口 / confirmed → API", lambda r: r.confirmed_s, lambda r: r.api_s),
    ("确认→页面 / confirmed → page", lambda r: r.confirmed_s, lambda r: r.page_s),
    ("确认→事项系统 / confirmed → case system", lambda r: r.confirmed_s, lambda r: r.desk_s),
    ("修复→恢复 / mended → recovered", lambda r: r.mended_s, lambda r: r.recovered_s),
)


_STEP: Final = "步骤 / step"
_RESULT: Final = "结果\nresult"
_MOMENTS: Final = (
    "发生\nhappened",
    "盒确认\nconfirmed",
    "事项\nincident",
    "页面\npage",
    "事项系统\ncase sys.",
    "修复\nmended",
    "恢复\nrecovered",
)


def steps_table(records: Sequence[Record]) -> Table:
    """One row a step: times of day (Beijing), and how long after its cause each stage came."""
    table = Table(title="故事 / the story", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(_STEP, min_width=26, overflow="fold")
    for head in _MOMENTS:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(_RESULT, overflow="fold")
    for record in records:
        table.add_row(*_cells(record))
    return table


def _cells(record: Record) -> tuple[RenderableType, ...]:
    name = Text(f"{record.where}：{record.zh}")
    name.append(f"\n{record.category} {record.en}".replace("\n ", "\n"), style="dim")
    return (
        str(record.number),
        name,
        clock(record.happened_s),
        _after(record.happened_s, record.confirmed_s),
        _after(record.confirmed_s, record.opened_s),
        _after(record.confirmed_s, record.page_s),
        _after(record.confirmed_s, record.desk_s),
        clock(record.mended_s),
        _after(record.mended_s, record.recovered_s),
        _result(record),
    )


def _result(record: Record) -> Text:
    if record.problems:
        return Text("✗ " + record.problems[0], style="bold red")
    if record.done:
        return Text("✓ " + (record.case_no or "补记 / filled in"), style="green")
    if record.happened_s is None:
        return Text("等待 / waiting", style="dim")
    return Text("进行中 / under way", style="yellow")


def clock(moment_s: float | None) -> str:
    """Beijing time of day with tenths."""
    if moment_s is None:
        return MISSING
    return time.strftime("%H:%M:%S", time.gmtime(moment_s + COUNTY_OFFSET_S)) + f".{int(moment_s * 10) % 10}"


def _after(start_s: float | None, end_s: float | None) -> str:
    if start_s is None or end_s is None:
        return MISSING
    return seconds(end_s - start_s)


def seconds(span_s: float) -> str:
    """``+42 ms`` below a second, ``+3.2 s`` above."""
    return f"{span_s * 1000:+.0f} ms" if abs(span_s) < 1 else f"{span_s:+.1f} s"


def latency_table(records: Sequence[Record], in_the_dark: Sequence[bool]) -> Table:
    """Median and largest of each stage, without what happened while a village was cut off."""
    table = Table(title="时延 / latencies", title_justify="left")
    for head in ("阶段 / stage", "n", "p50", "max"):
        table.add_column(head, justify="left" if head.startswith("阶段") else "right")
    counted = [record for record, dark in zip(records, in_the_dark, strict=True) if not dark]
    for name, start, end in STAGES:
        spans = [b - a for r in counted if (a := start(r)) is not None and (b := end(r)) is not None]
        if spans:
            table.add_row(name, str(len(spans)), seconds(statistics.median(spans)), seconds(max(spans)))
    return table


def footer(pace: Pace) -> Text:
    """Why the boxes are so quick here."""
    return Text(
        f"演示用快速确认时间：遮挡 {pace.covered_confirm_s:g} 秒（县标准 600），检测周期 "
        f"{pace.ladder_interval_s:g} 秒（30），心跳 {pace.heartbeat_s:g} 秒（30），离线判定 "
        f"{pace.box_offline_s:g} 秒（45），恢复判定 {pace.recover_hold_s:g} 秒（30）。\n"
        f"Quick confirmation for the demo: covered {pace.covered_confirm_s:g} s (county: 600), ladder every "
        f"{pace.ladder_interval_s:g} s (30), heartbeat {pace.heartbeat_s:g} s (30), box offline after "
        f"{pace.box_offline_s:g} s (45), recovered after {pace.recover_hold_s:g} s (30). "
        "Latencies of what was told after a cut are not summed up.",
        style="dim",
    )


def live(records: Sequence[Record], pace: Pace) -> Group:
    """What is shown while the story plays."""
    return Group(steps_table(records), footer(pace))


def verdict_text(reckoning: Reckoning) -> Text:
    """The last word: what was counted, and what does not add up."""
    counted = ", ".join(f"{name} {count}" for name, count in reckoning.counted.items())
    if reckoning.holds:
        return Text(
            f"✓ 全部符合：每项恰好一次，无缺、无重、无意外 / all as expected, each exactly once ({counted})",
            style="bold green",
        )
    text = Text(f"✗ 不符合 / does not add up ({counted})\n", style="bold red")
    text.append("\n".join(f"  {line}" for line in reckoning.lines()))
    return text
