"""Trials of a pull point: taken, leased, renewed, pulled long, given back whatever happened.

Law: one slot is taken, never more, and it is given back over a connection of its own before the card ends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lxml import etree

from agent.devices import quirks, topics
from agent.devices.address import AddressRefused, Endpoint, http_endpoint
from agent.devices.events import addressing, granted_s, reference_parameters
from agent.devices.habits import Habit
from agent.devices.scorecard.bench import STOPS, Bench
from agent.devices.scorecard.card import Mark, Verdict, compared, granted, mark, seconds
from agent.devices.sentences import both
from agent.devices.session import Session, plain_question
from agent.devices.soap import Opened, child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

_EVENTS = NAMESPACES["events"]
_NOTIFICATION = "http://docs.oasis-open.org/wsn/b-2"
_ACTIONS = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager"
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

    @property
    def brief(self) -> str:
        return f"PT{self.brief_s:g}S"


@dataclass(slots=True)
class _Slot:
    """The pull point that was taken."""

    address: str
    endpoint: Endpoint
    parameters: tuple[etree._Element, ...]
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
    slot = _slot(bench, opened)
    if slot is None:
        yield from _no_slot(opened, claimed, most)
        return
    try:
        told = both("建立成功，已归还", "it was made, and given back")
        yield mark("pull_point", claimed, True, compared(claimed, True), told)
        told = both("只取用一个名额，不占满", "one is taken, the rest is left to others")
        yield mark("slots", most, ">= 1", Verdict.UNDECIDED, told)
        yield _lease(bench, slot, terms, absolute=absolute)
        yield _parameters(bench, slot, terms.brief)
        yield _states(bench, slot, terms.brief)
        yield _renewed(bench, slot, "renew", f"PT{terms.renew_s}S", float(terms.renew_s))
        yield _long_pull(bench, slot, terms.pull_s)
        yield _announced(bench, slot)
        yield _renewed(bench, slot, "minutes", f"PT{terms.minutes}M", terms.minutes * 60.0)
    finally:
        _give_back(bench, slot)


def _created(bench: Bench, terms: Terms) -> tuple[Opened, bool]:
    """The answer to a creation, and whether a point in time had to be told."""
    opened = _create(bench, f"PT{terms.lease_s}S")
    if opened.fault is None or not quirks.wants_absolute_time(opened.fault.codes):
        if opened.fault is None:
            bench.habits.contradicted(Habit.ABSOLUTE_TIME)
        return opened, False
    offset = timedelta(seconds=bench.session.account.clock_error_s or 0.0)
    ends = datetime.now(UTC) + offset + timedelta(seconds=terms.lease_s)
    opened = _create(bench, ends.strftime("%Y-%m-%dT%H:%M:%SZ"))
    if opened.fault is None:
        bench.habits.learned(Habit.ABSOLUTE_TIME)
    return opened, True


def _create(bench: Bench, termination: str) -> Opened:
    action = f"{_EVENTS}/EventPortType/CreatePullPointSubscriptionRequest"
    return bench.ask(
        "events",
        "CreatePullPointSubscription",
        element(_EVENTS, "InitialTerminationTime", text=termination),
        action=action,
        headers=addressing(action, str(bench.endpoints["events"])),
        repeatable=False,
    )


def _slot(bench: Bench, opened: Opened) -> _Slot | None:
    reference = child(opened.content, "SubscriptionReference")
    address = child_text(reference, "Address")
    if opened.fault is not None:
        return None
    try:
        endpoint = http_endpoint(address, bench.session.device)
    except AddressRefused:
        endpoint = bench.endpoints["events"]
    return _Slot(address or str(endpoint), endpoint, reference_parameters(reference), opened)


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


def _lease(bench: Bench, slot: _Slot, terms: Terms, *, absolute: bool) -> Mark:
    got = granted_s(slot.opened.content)
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


def _parameters(bench: Bench, slot: _Slot, brief: str) -> Mark:
    """Whether the reference parameters must really come back: one pull without them."""
    if not slot.parameters:
        return mark("parameters", False, "-", Verdict.NOT_OFFERED, both("没有引用参数", "none are told"))
    without = _pull(bench, slot, brief, parameters=())
    needed = without is None or without.fault is not None
    told = (
        both("不回送就被拒绝", "refused without them")
        if needed
        else both("不回送也行", "it works without them")
    )
    return mark("parameters", True, needed, compared(True, needed), told)


def _states(bench: Bench, slot: _Slot, brief: str) -> Mark:
    """Drain what came by itself, then ask for the present states."""
    for _ in range(3):
        opened = _pull(bench, slot, brief)
        if opened is None or not _read_topics(slot, opened):
            break
    asked = _ask(bench, slot, "SetSynchronizationPoint", f"{_EVENTS}/PullPointSubscription", _EVENTS)
    done = asked is not None and asked.fault is None
    if done:
        bench.habits.contradicted(Habit.NO_SYNCHRONIZATION)
        again = _pull(bench, slot, brief)
        count = 0 if again is None else _read_topics(slot, again)
        told = both(
            f"重报了{'若干' if count else ' 0 个'}状态",
            f"{'states were' if count else 'no state was'} told again",
        )
    else:
        if asked is not None and asked.fault is not None and asked.fault.not_supported:
            bench.habits.learned(Habit.NO_SYNCHRONIZATION)
        told = both("不支持", "it is not supported")
    return mark("states", True, done, compared(True, done), told)


def _renewed(bench: Bench, slot: _Slot, trial: str, asked: str, wanted_s: float) -> Mark:
    opened = _ask(
        bench, slot, "Renew", _ACTIONS, _NOTIFICATION, element(_NOTIFICATION, "TerminationTime", text=asked)
    )
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


def _long_pull(bench: Bench, slot: _Slot, pull_s: float) -> Mark:
    """One pull of the whole time; again while messages end it early."""
    ends = time.monotonic() + pull_s
    while True:
        began = time.monotonic()
        left_s = ends - began
        try:
            opened = _pulled(bench, slot, f"PT{max(1.0, left_s):g}S", repeatable=False)
        except DeviceError as error:
            if error.kind in STOPS:
                raise
            return _cut_off(bench, error, pull_s, time.monotonic() - began)
        took_s = time.monotonic() - began
        if opened.fault is not None:
            told = both(f"被拒绝：{opened.fault}", f"refused: {opened.fault}")
            return mark("long_pull", f"{pull_s:g} s", "-", Verdict.LIES, told)
        count = _read_topics(slot, opened)
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


def _announced(bench: Bench, slot: _Slot) -> Mark:
    """What GetEventProperties announces against what came. Names only; no value is read."""
    answer = bench.tried("events", "GetEventProperties")
    announced = announced_topics(child(answer, "TopicSet"))
    strange = slot.seen - announced
    told = both(
        f"见到 {len(slot.seen)} 个，未声明的 {', '.join(sorted(strange)[:3]) or '-'}",
        f"{len(slot.seen)} came, not announced: {', '.join(sorted(strange)[:3]) or '-'}",
    )
    verdict = Verdict.UNDECIDED if not slot.seen else Verdict.LIES if strange else Verdict.HONEST
    if not announced and not slot.seen:
        verdict = Verdict.NOT_OFFERED
    return mark("topics", len(announced), len(slot.seen), verdict, told)


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


def _read_topics(slot: _Slot, opened: Opened) -> int:
    """Note the topics of an answer, without prefixes; returns how many messages it holds."""
    count = 0
    for node in () if opened.content is None else opened.content:
        if local_name(node) != "NotificationMessage":
            continue
        count += 1
        topic = child(node, "Topic")
        said = "" if topic is None else topics.normalised(topic.text or "", topic.nsmap)
        if said and len(slot.seen) < _MOST_TOPICS:
            slot.seen.add("/".join(step.rpartition(":")[2] for step in said.split("/")))
    return count


def _pull(
    bench: Bench, slot: _Slot, timeout: str, *, parameters: tuple[etree._Element, ...] | None = None
) -> Opened | None:
    try:
        return _pulled(bench, slot, timeout, parameters=parameters)
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        return None


def _pulled(
    bench: Bench,
    slot: _Slot,
    timeout: str,
    *,
    parameters: tuple[etree._Element, ...] | None = None,
    repeatable: bool = True,
) -> Opened:
    action = f"{_EVENTS}/PullPointSubscription/PullMessagesRequest"
    return bench.ask(
        "events",
        "PullMessages",
        element(_EVENTS, "Timeout", text=timeout),
        element(_EVENTS, "MessageLimit", text="100"),
        endpoint=slot.endpoint,
        action=action,
        headers=_headers(slot, action, parameters),
        repeatable=repeatable,
    )


def _ask(
    bench: Bench, slot: _Slot, operation: str, actions: str, namespace: str, *parts: etree._Element
) -> Opened | None:
    action = f"{actions}/{operation}Request"
    try:
        return bench.ask(
            "events",
            operation,
            *parts,
            endpoint=slot.endpoint,
            action=action,
            headers=_headers(slot, action, None),
            namespace=namespace,
        )
    except DeviceError as error:
        if error.kind in STOPS:
            raise
        return None


def _headers(
    slot: _Slot, action: str, parameters: tuple[etree._Element, ...] | None
) -> tuple[etree._Element, ...]:
    echoed = slot.parameters if parameters is None else parameters
    return (*addressing(action, slot.address), *(deepcopy(each) for each in echoed))


def _give_back(bench: Bench, slot: _Slot) -> None:
    """Unsubscribe over a connection of its own, best effort, within two seconds."""
    used = bench.session
    session = Session(used.device, used.account, used.services, limits=used.limits)
    action = f"{_ACTIONS}/UnsubscribeRequest"
    question = plain_question(
        "Unsubscribe",
        slot.endpoint,
        element(_NOTIFICATION, "Unsubscribe"),
        action=action,
        headers=_headers(slot, action, None),
        optional=True,
    )
    with (
        contextlib.closing(session),
        contextlib.suppress(DeviceError),
        session.transport.within(used.limits.unsubscribe_s),
    ):
        session.ask(question)
