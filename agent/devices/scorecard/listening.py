"""Trials of a pull point: taken, leased, renewed, pulled long, given back whatever happened.

Law: one slot is taken, never more, and it is given back before the card ends (``slot``).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from lxml import etree

from agent.devices import quirks, topics
from agent.devices.durations import duration_of
from agent.devices.habits import Habit
from agent.devices.scorecard.bench import STOPS, Bench
from agent.devices.scorecard.card import Mark, Verdict, compared, granted, mark, seconds
from agent.devices.sentences import both
from agent.devices.session import Question
from agent.devices.slot import Slot, creation, either_way, granted_s, held, moment
from agent.devices.soap import Opened, child, local_name
from agent.errors import DeviceError, DeviceTrouble

_TOPIC = "{http://docs.oasis-open.org/wsn/t-1}topic"
_IN_MINUTES = 30.0
_MOST_TOPICS = 500


@dataclass(frozen=True, slots=True)
class Terms:
    """What a pull point is asked for, in seconds."""

    lease_s: int = 60
    renew_s: int = 90
    minutes: int = 2
    pull_s: float = 12.0
    """Longer than the 10 s after which Tapo drops a pull."""
    brief_s: float = 1.0
    """Pulls that only fetch what is there."""


@dataclass(slots=True)
class _Taken:
    """The pull point that was taken."""

    slot: Slot
    opened: Opened
    seen: set[str] = field(default_factory=set)


def pull_point(bench: Bench, terms: Terms) -> Generator[Mark, None, None]:
    """All trials of events. Yields nothing more than the first when no slot is to be had."""
    claimed, most = bench.claimed("events.WSPullPointSupport"), bench.claims.get("events.MaxPullPoints", "-")
    if "events" not in bench.endpoints:
        yield mark(
            "pull_point", claimed, False, compared(claimed, False), both("没有事件服务", "no event service")
        )
        return
    opened, absolute = _created(bench, terms)
    with held(bench.session, opened, events=bench.endpoints["events"]) as slot:
        if slot is None:
            yield from _no_slot(opened, claimed, most)
            return
        taken = _Taken(slot, opened)
        told = both("建立成功，已归还", "it was made, and given back")
        yield mark("pull_point", claimed, True, compared(claimed, True), told)
        told = both("只取用一个名额，不占满", "one is taken, the rest is left to others")
        yield mark("slots", most, ">= 1", Verdict.UNDECIDED, told)
        yield _lease(bench, taken, terms, absolute=absolute)
        yield _parameters(bench, taken, terms.brief_s)
        yield _states(bench, taken, terms.brief_s)
        yield _renewed(bench, taken, "renew", duration_of(terms.renew_s), float(terms.renew_s))
        yield _long_pull(bench, taken, terms.pull_s)
        yield _announced(bench, taken)
        yield _renewed(bench, taken, "minutes", f"PT{terms.minutes}M", terms.minutes * 60.0)


def _created(bench: Bench, terms: Terms) -> tuple[Opened, bool]:
    """The answer to a creation, and whether a point in time had to be told."""
    events = bench.endpoints["events"]
    until = moment(terms.lease_s, clock_error_s=bench.session.account.clock_error_s)
    opened, absolute = either_way(
        lambda term: bench.put(creation(events, term)), duration_of(terms.lease_s), until
    )
    if opened.fault is None:
        (bench.habits.learned if absolute else bench.habits.contradicted)(Habit.ABSOLUTE_TIME)
    return opened, absolute


def _no_slot(opened: Opened, claimed: bool | None, most: str) -> Iterator[Mark]:
    fault = opened.fault
    said = "-" if fault is None else str(fault)
    if fault is not None and quirks.no_free_slot(fault.codes, said):
        told = both("名额已满，未能试验", "all slots are taken, it could not be tried")
        yield mark("pull_point", claimed, "-", Verdict.UNDECIDED, told)
        yield mark("slots", most, "0", Verdict.LIES, told)
        return
    told = both(f"建立失败：{said}", f"it could not be made: {said}")
    yield mark("pull_point", claimed, False, compared(claimed, False), told)


def _lease(bench: Bench, taken: _Taken, terms: Terms, *, absolute: bool) -> Mark:
    got = granted_s(taken.opened.content)
    verdict = Verdict.LIES if absolute else granted(terms.lease_s, got)
    if got is not None and not absolute:
        in_minutes = got >= _IN_MINUTES * terms.lease_s
        (bench.habits.learned if in_minutes else bench.habits.contradicted)(Habit.LEASE_IN_MINUTES)
    told = both(
        f"要 {terms.lease_s} 秒，给 {seconds(got)}", f"asked for {terms.lease_s} s, granted {seconds(got)}"
    )
    if absolute:
        told = both("不接受时长，只接受时刻", "a duration is refused, a point in time is taken")
    return mark("lease", f"{terms.lease_s} s", seconds(got), verdict, told)


def _parameters(bench: Bench, taken: _Taken, brief_s: float) -> Mark:
    """Whether the reference parameters must really come back: one pull without them."""
    if not taken.slot.parameters:
        return mark("parameters", False, "-", Verdict.NOT_OFFERED, both("没有引用参数", "none are told"))
    without = _pull(bench, taken, brief_s, echoing=False)
    needed = without is None or without.fault is not None
    told = (
        both("不回送就被拒绝", "refused without them")
        if needed
        else both("不回送也行", "it works without them")
    )
    return mark("parameters", True, needed, compared(True, needed), told)


def _states(bench: Bench, taken: _Taken, brief_s: float) -> Mark:
    """Drain what came by itself, then ask for the present states."""
    for _ in range(3):
        opened = _pull(bench, taken, brief_s)
        if opened is None or not _read_topics(taken, opened):
            break
    asked = _ask(bench, taken.slot.synchronization())
    done = asked is not None and asked.fault is None
    if done:
        bench.habits.contradicted(Habit.NO_SYNCHRONIZATION)
        again = _pull(bench, taken, brief_s)
        count = 0 if again is None else _read_topics(taken, again)
        told = both(
            f"重报了{'若干' if count else ' 0 个'}状态",
            f"{'states were' if count else 'no state was'} told again",
        )
    else:
        if asked is not None and asked.fault is not None and asked.fault.not_supported:
            bench.habits.learned(Habit.NO_SYNCHRONIZATION)
        told = both("不支持", "it is not supported")
    return mark("states", True, done, compared(True, done), told)


def _renewed(bench: Bench, taken: _Taken, trial: str, asked: str, wanted_s: float) -> Mark:
    opened = _ask(bench, taken.slot.renewal(asked))
    if opened is None or opened.fault is not None:
        said = "-" if opened is None or opened.fault is None else "/".join(opened.fault.codes)
        if (
            trial == "renew"
            and opened is not None
            and opened.fault is not None
            and opened.fault.not_supported
        ):
            bench.habits.learned(Habit.NO_RENEW)
        told = both(f"续租被拒绝：{said}", f"renewal was refused: {said}")
        return mark(trial, seconds(wanted_s), "-", Verdict.LIES, told)
    bench.habits.contradicted(Habit.NO_RENEW)
    got = granted_s(opened.content)
    told = both(f"要 {asked}，给 {seconds(got)}", f"asked for {asked}, granted {seconds(got)}")
    return mark(trial, seconds(wanted_s), seconds(got), granted(wanted_s, got), told)


def _long_pull(bench: Bench, taken: _Taken, pull_s: float) -> Mark:
    """One pull of the whole time; again while messages end it early."""
    ends = time.monotonic() + pull_s
    while True:
        began = time.monotonic()
        left_s = ends - began
        try:
            opened = bench.put(taken.slot.pull(max(1.0, left_s), repeatable=False))
        except DeviceError as error:
            if error.kind in STOPS:
                raise
            return _cut_off(bench, error, pull_s, time.monotonic() - began)
        took_s = time.monotonic() - began
        if opened.fault is not None:
            told = both(f"被拒绝：{opened.fault}", f"refused: {opened.fault}")
            return mark("long_pull", f"{pull_s:g} s", "-", Verdict.LIES, told)
        count = _read_topics(taken, opened)
        if took_s >= 0.8 * pull_s:
            bench.habits.contradicted(Habit.LONGEST_PULL_S)
            told = both("等满时间后作答", "it answered when the time was over")
            return mark("long_pull", f"{pull_s:g} s", f"{pull_s:g} s", Verdict.HONEST, told)
        if count == 0:
            told = both(f"{took_s:.0f} 秒后空手作答", f"an empty answer came after {took_s:.0f} s")
            return mark("long_pull", f"{pull_s:g} s", f"{int(took_s + 0.1)} s", Verdict.LIES, told)
        if ends - time.monotonic() < 0.8 * pull_s and began + 1.0 < ends:
            told = both("不断有事件，未能试验", "events kept coming, it could not be tried")
            return mark("long_pull", f"{pull_s:g} s", "-", Verdict.UNDECIDED, told)


def _cut_off(bench: Bench, error: DeviceError, pull_s: float, took_s: float) -> Mark:
    if error.kind is DeviceTrouble.BAD_ANSWER and took_s >= 1.0:
        bench.habits.learned(Habit.LONGEST_PULL_S, max(1.0, float(int(took_s * 0.8))))
        told = both(
            f"{took_s:.0f} 秒后断开，没有作答",
            f"the connection was cut after {took_s:.0f} s without an answer",
        )
        return mark("long_pull", f"{pull_s:g} s", f"{int(took_s + 0.1)} s", Verdict.LIES, told)
    told = both(f"没有作答：{error.kind}", f"no answer: {error.kind}")
    return mark("long_pull", f"{pull_s:g} s", "-", Verdict.UNDECIDED, told)


def _announced(bench: Bench, taken: _Taken) -> Mark:
    """What GetEventProperties announces against what came. Names only; no value is read."""
    answer = bench.tried("events", "GetEventProperties")
    announced = announced_topics(child(answer, "TopicSet"))
    strange = taken.seen - announced
    told = both(
        f"见到 {len(taken.seen)} 个，未声明的 {', '.join(sorted(strange)[:3]) or '-'}",
        f"{len(taken.seen)} came, not announced: {', '.join(sorted(strange)[:3]) or '-'}",
    )
    verdict = Verdict.UNDECIDED if not taken.seen else Verdict.LIES if strange else Verdict.HONEST
    if not announced and not taken.seen:
        verdict = Verdict.NOT_OFFERED
    return mark("topics", len(announced), len(taken.seen), verdict, told)


def announced_topics(tree: etree._Element | None) -> set[str]:
    """The topics of a TopicSet, without prefixes: makes declare them on the first step or on none."""
    found: set[str] = set()
    for node in () if tree is None else tree.iter():
        if len(found) >= _MOST_TOPICS:
            break
        if isinstance(node.tag, str) and (node.get(_TOPIC) or node.get("topic") or "").lower() in (
            "true",
            "1",
        ):
            found.add("/".join(_steps(node, tree)))
    return found


def _steps(node: etree._Element, tree: etree._Element | None) -> list[str]:
    steps: list[str] = []
    step: etree._Element | None = node
    while step is not None and step is not tree:
        steps.append(local_name(step))
        step = step.getparent()
    return steps[::-1]


def _read_topics(taken: _Taken, opened: Opened) -> int:
    """Note the topics of an answer, without prefixes; returns how many messages it holds."""
    count = 0
    for node in () if opened.content is None else opened.content:
        if local_name(node) != "NotificationMessage":
            continue
        count += 1
        topic = child(node, "Topic")
        said = "" if topic is None else topics.normalised(topic.text or "", topic.nsmap)
        if said and len(taken.seen) < _MOST_TOPICS:
            taken.seen.add("/".join(step.rpartition(":")[2] for step in said.split("/")))
    return count


def _pull(bench: Bench, taken: _Taken, seconds: float, *, echoing: bool = True) -> Opened | None:
    return _ask(bench, taken.slot.pull(seconds, echoing=echoing))


def _ask(bench: Bench, question: Question) -> Opened | None:
    """The answer or the fault; None when there is neither. Raises DeviceError of the kinds in ``STOPS``."""
    try:
        return bench.put(question)
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        return None
