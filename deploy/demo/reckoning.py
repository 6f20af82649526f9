"""Compares what followed with what was expected: every entry explained, every expectation met.

Law: nothing is left over on either side. An entry that no step explains is unexpected, one more than
expected is doubled, an expectation without its entries is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.places import VILLAGES
from deploy.demo.story import BOX_STATE, OPENED, Expected, Record, Step, verdict
from deploy.demo.witness import FeedEntry

LIMIT_S = 5.0
"""From the fault being confirmed to the page and to the case system."""


@dataclass(slots=True)
class Reckoning:
    """What does not add up, in words for people; and how much was looked at."""

    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not (self.missing or self.doubled or self.unexpected or self.late)

    def lines(self) -> Iterable[str]:
        """One line a problem, Chinese first."""
        for word, problems in (
            ("缺少 / missing", self.missing),
            ("重复 / doubled", self.doubled),
            ("意外 / unexpected", self.unexpected),
            ("超时 / late", self.late),
        ):
            for problem in problems:
                yield f"{word}: {problem}"


def beginning() -> tuple[Expected, ...]:
    """What coming up explains: every box is heard of, every device is well, each once."""
    expected: list[Expected] = []
    for village in VILLAGES:
        expected.append(Expected(f"{village.box} ok", BOX_STATE, village.box, None, None, {"verdict": "ok"}))
        expected += [verdict(village.box, village.device_id(device), "ok") for device in village.devices]
    return tuple(expected)


def compare(
    steps: Sequence[Step],
    records: Sequence[Record],
    *,
    before: Sequence[FeedEntry],
    after: Sequence[FeedEntry],
    desk: Sequence[dict[str, Any]],
    incidents: Sequence[dict[str, Any]],
) -> Reckoning:
    """Reckon up. ``before`` and ``after``: the feed up to the story and from it on; ``desk``: the case
    system's rows; ``incidents``: the centre's list of all incidents."""
    result = Reckoning()
    _explain(before, beginning(), result)
    _explain(after, [expected for step in steps for expected in step.expects], result)
    _compare_desk([*before, *after], desk, result)
    _compare_incidents([*before, *after], incidents, result)
    for step, record in zip(steps, records, strict=True):
        result.missing += [f"{record.zh} / {record.en}: {problem}" for problem in record.problems]
        if not record.done:
            result.missing.append(f"{record.zh} / {record.en}: 未结束 / not over")
        if not step.in_the_dark:
            _compare_times(record, result)
    result.counted = {
        "feed": len(before) + len(after),
        "incidents": len(incidents),
        "case system": len(desk),
        "steps": len(records),
    }
    return result


def _explain(entries: Sequence[FeedEntry], expected: Sequence[Expected], result: Reckoning) -> None:
    """Give each entry to the first expectation that explains it and still has room."""
    taken = [0] * len(expected)
    for entry in entries:
        fitting = [i for i, each in enumerate(expected) if each.explains(entry)]
        free = [i for i in fitting if taken[i] < expected[i].most]
        if free:
            taken[free[0]] += 1
        else:
            (result.doubled if fitting else result.unexpected).append(_shown(entry))
    for each, count in zip(expected, taken, strict=True):
        if count < each.least:
            result.missing.append(f"{each.box} {each.what}")


def _compare_desk(feed: Sequence[FeedEntry], desk: Sequence[dict[str, Any]], result: Reckoning) -> None:
    wanted = {entry.id: entry for entry in feed if entry.type.startswith("outpost.incident.")}
    got = Counter(row["id"] for row in desk)
    result.missing += [f"事项系统 / case system: {_shown(wanted[i])}" for i in wanted if i not in got]
    result.unexpected += [f"事项系统 / case system: {row['id']}" for row in desk if row["id"] not in wanted]
    result.doubled += [
        f"事项系统 / case system: {row['id']} x{row['repeats'] + 1}" for row in desk if row["repeats"]
    ]
    result.unexpected += [
        f"事项系统 / case system: {row['id']} 内容不一致 / with another body"
        for row in desk
        if row["conflicts"]
    ]
    for matter in {entry.data["incident"] for entry in wanted.values()}:
        order = [entry.id for entry in feed if entry.id in got and entry.data.get("incident") == matter]
        arrived = [row["id"] for row in desk if row["event"]["data"].get("incident") == matter]
        if order != arrived:
            result.unexpected.append(f"事项系统 / case system: {matter} 顺序不对 / out of order")


def _compare_incidents(
    feed: Sequence[FeedEntry], incidents: Sequence[dict[str, Any]], result: Reckoning
) -> None:
    opened = {entry.data["incident"] for entry in feed if entry.type == OPENED}
    listed = {incident["id"] for incident in incidents}
    result.unexpected += [
        f"事项 / incident {i}: 不在推送中 / not in the feed" for i in sorted(listed - opened)
    ]
    result.missing += [f"事项 / incident {i}: 不在列表中 / not in the list" for i in sorted(opened - listed)]


def _compare_times(record: Record, result: Reckoning) -> None:
    if record.confirmed_s is None:
        return
    for what, seen_s in (("页面 / page", record.page_s), ("事项系统 / case system", record.desk_s)):
        if seen_s is not None and seen_s - record.confirmed_s > LIMIT_S:
            result.late.append(
                f"{record.zh} / {record.en}: {what} {seen_s - record.confirmed_s:.1f} s > {LIMIT_S:.0f} s"
            )


def _shown(entry: FeedEntry) -> str:
    data = entry.data
    words = (data.get("category"), data.get("action"), data.get("verdict"), data.get("reason"))
    said = " ".join(str(word) for word in words if word)
    return f"{entry.type} {entry.device or entry.box} {said}".strip()
