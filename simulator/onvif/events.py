"""Answers the ONVIF event service: pull points, their lifetime, messages, topics.

Law: TerminationTime in an answer is when the pull point really ends, by the device's clock.
Sources: ONVIF Core 9, WS-BaseNotification 1.3; the habits of makes are fields of Personality.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta

from simulator.device.clock import zulu
from simulator.device.device import Device
from simulator.device.personality import Lifetime
from simulator.device.pull_points import NoSlot, Notice, PullPoint, TopicFilter
from simulator.onvif.operation import Operation
from simulator.onvif.soap import (
    NAMESPACES,
    WSA,
    SoapFault,
    SoapRequest,
    Xml,
    duration_parts,
    duration_s,
    join,
    node,
)
from simulator.onvif.soap import moment as read_moment

TEV = NAMESPACES["tev"]
WSNT = NAMESPACES["wsnt"]
CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
DEFAULT_LIFETIME_S = 60.0
LONGEST_LIFETIME_S = 86_400.0
_DIALECTS = (CONCRETE_SET, "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete")


class ConnectionDropped(Exception):
    """The device closes the socket instead of answering."""


class EmptyAnswer(Exception):
    """The device answers an HTTP status without a body."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status} without a body")
        self.status = status


def create_pull_point_subscription(device: Device, request: SoapRequest) -> Xml:
    """Open a pull point; the fault of a full device is Receiver/Action, as recorded from several makes."""
    lasts_s = _lifetime_s(device, request.text("InitialTerminationTime"))
    try:
        point = device.events.open(lasts_s=lasts_s, slots=device.slots, wanted=_filter(request))
    except NoSlot as error:
        device.counters["slots_refused"] += 1
        raise SoapFault(
            "Receiver", "ter:Action", reason="Maximum number of pull points reached", detail=str(error)
        ) from error
    return node(
        "tev:CreatePullPointSubscriptionResponse",
        _reference(device, point),
        node("wsnt:CurrentTime", zulu(device.clock.now())),
        node("wsnt:TerminationTime", _termination(device, point)),
    )


def _filter(request: SoapRequest) -> TopicFilter | None:
    expression = request.find("Filter", "TopicExpression")
    if expression is None or not (expression.text or "").strip():
        return None
    if expression.get("Dialect", CONCRETE_SET) not in _DIALECTS:
        raise SoapFault("Sender", "wsnt:TopicExpressionDialectUnknownFault", reason="Unknown topic dialect")
    return TopicFilter(expression.text or "")


def _lifetime_s(device: Device, asked: str | None) -> float:
    habit = device.personality.lifetime
    if not asked:
        if habit is Lifetime.REQUIRED:
            raise EmptyAnswer(500)
        return DEFAULT_LIFETIME_S
    if habit is Lifetime.ALWAYS_60_S:
        return DEFAULT_LIFETIME_S
    try:
        seconds = _asked_s(device, asked)
    except ValueError as error:
        raise SoapFault(
            "Sender", "wsnt:UnacceptableInitialTerminationTimeFault", reason=str(error)
        ) from error
    if seconds <= 0:
        raise SoapFault(
            "Sender",
            "wsnt:UnacceptableInitialTerminationTimeFault",
            reason="The termination time is in the past",
        )
    return min(seconds, LONGEST_LIFETIME_S)


def _asked_s(device: Device, asked: str) -> float:
    if not asked.startswith("P"):
        return read_moment(asked).timestamp() - device.clock.unix()
    match device.personality.lifetime:
        case Lifetime.ABSOLUTE:
            raise ValueError("A duration is not accepted")
        case Lifetime.UNIT_IGNORED:
            return sum(duration_parts(asked).values())
        case Lifetime.SECONDS_AS_MINUTES:
            parts = duration_parts(asked)
            return duration_s(asked) + parts.get("seconds", 0.0) * 59
        case _:
            return duration_s(asked)


def _reference(device: Device, point: PullPoint) -> Xml:
    personality = device.personality
    address = device.url(personality.paths.subscription.format(number=point.number))
    parameters = None
    if personality.reference_parameters is not None:
        namespace, name = personality.reference_parameters
        parameters = node(
            "wsa5:ReferenceParameters",
            node(f"dom0:{name}", {"xmlns:dom0": namespace}, point.number),
        )
    return node("tev:SubscriptionReference", node("wsa5:Address", address), parameters)


def _termination(device: Device, point: PullPoint) -> str:
    return zulu(device.clock.now() + timedelta(seconds=device.events.left_s(point)))


def _point(device: Device, request: SoapRequest) -> PullPoint:
    number = _number(device, request)
    point = None if number is None else device.events.find(number)
    if point is None:
        device.counters["unknown_pull_points"] += 1
        raise SoapFault(
            "Sender",
            "ter:InvalidArgs" if device.personality.reference_parameters else "ter:InvalidArgVal",
            reason="" if device.personality.reference_parameters else "No such subscription",
        )
    return point


def _number(device: Device, request: SoapRequest) -> int | None:
    parameters = device.personality.reference_parameters
    if parameters is not None:
        text = request.header_text(*parameters) or ""
    else:
        pattern = re.escape(device.personality.paths.subscription).replace(r"\{number\}", r"(\d+)")
        match = re.fullmatch(pattern, request.path)
        text = match.group(1) if match else ""
    return int(text) if text.isdigit() else None


async def pull_messages(device: Device, request: SoapRequest) -> Xml:
    """Answer at once when something waits, else when something comes or after Timeout."""
    point = _point(device, request)
    try:
        asked_s = duration_s(request.text("Timeout") or "PT0S")
        limit = max(1, int(request.text("MessageLimit") or "1"))
    except ValueError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=str(error)) from error
    longest_s = device.personality.longest_pull_s
    if device.faults.pulls == "fault":
        raise SoapFault("Receiver", "ter:Action", reason="Internal error")
    device.events.extend(point, min(asked_s, longest_s) + 1.0, never_shorter=True)
    at_once = device.faults.pulls != "honest"
    try:
        if not at_once:
            await asyncio.wait_for(point.filled.wait(), timeout=min(asked_s, longest_s))
    except TimeoutError:
        if device.personality.drops_long_pulls and asked_s > longest_s:
            device.counters["pulls_dropped"] += 1
            raise ConnectionDropped from None
    if point.closed:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="The subscription has ended")
    if device.personality.lifetime is Lifetime.ALWAYS_60_S:
        device.events.extend(point, DEFAULT_LIFETIME_S)
    notices = [] if at_once else point.take(limit)
    if device.faults.pulls == "vanish":
        device.events.close(point)
    device.counters["notices_pulled"] += len(notices)
    return node(
        "tev:PullMessagesResponse",
        node("tev:CurrentTime", zulu(device.clock.now())),
        node("tev:TerminationTime", _termination(device, point)),
        *(_message(device, notice) for notice in notices),
    )


def _message(device: Device, notice: Notice) -> Xml:
    padding = device.personality.topic_padding
    return node(
        "wsnt:NotificationMessage",
        node("wsnt:Topic", f"{padding}{notice.topic}{padding}", Dialect=device.personality.topic_dialect),
        node(
            "wsnt:Message",
            node(
                "tt:Message",
                node("tt:Source", *_items(notice.source)) if notice.source else None,
                node("tt:Data", *_items(notice.data)),
                UtcTime=zulu(notice.at),
                PropertyOperation=notice.operation,
            ),
        ),
    )


def _items(items: tuple[tuple[str, str], ...]) -> list[Xml]:
    return [node("tt:SimpleItem", Name=name, Value=value) for name, value in items]


def renew(device: Device, request: SoapRequest) -> Xml:
    """Let the pull point live on from now."""
    point = _point(device, request)
    device.events.extend(point, _lifetime_s(device, request.text("TerminationTime")))
    return node(
        "wsnt:RenewResponse",
        node("wsnt:TerminationTime", _termination(device, point)),
        node("wsnt:CurrentTime", zulu(device.clock.now())),
    )


def unsubscribe(device: Device, request: SoapRequest) -> Xml:
    """Free the slot."""
    device.events.close(_point(device, request))
    return node("wsnt:UnsubscribeResponse")


def set_synchronization_point(device: Device, request: SoapRequest) -> Xml:
    """Tell all states again."""
    device.events.tell_states(_point(device, request))
    return node("tev:SetSynchronizationPointResponse")


def get_service_capabilities(device: Device, _request: SoapRequest) -> Xml:
    """The number of pull points and whether they are claimed."""
    return node(
        "tev:GetServiceCapabilitiesResponse",
        node(
            "tev:Capabilities",
            WSSubscriptionPolicySupport=False,
            WSPullPointSupport=device.personality.claims_pull_points,
            WSPausableSubscriptionManagerInterfaceSupport=False,
            MaxNotificationProducers=0,
            MaxPullPoints=device.slots,
            PersistentNotificationStorage=False,
        ),
    )


def get_event_properties(device: Device, _request: SoapRequest) -> Xml:
    """The topic tree: only the first step carries a prefix, as most devices write it."""
    return node(
        "tev:GetEventPropertiesResponse",
        node("tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml"),
        node("wsnt:FixedTopicSet", True),
        node("wstop:TopicSet", *_topic_tree(device)),
        node("wsnt:TopicExpressionDialect", CONCRETE_SET),
        node("wsnt:TopicExpressionDialect", "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"),
        node(
            "tev:MessageContentFilterDialect",
            "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter",
        ),
        node("tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"),
    )


def _topic_tree(device: Device) -> list[Xml]:
    leaves = {tuple(topic.split("/")): notice for topic, notice in device.events.topics().items()}
    return _branches((), leaves)


def _branches(above: tuple[str, ...], leaves: Mapping[tuple[str, ...], Notice]) -> list[Xml]:
    """The elements for the steps below `above`, each with its own description and branches."""
    depth = len(above)
    steps = dict.fromkeys(path[: depth + 1] for path in leaves if path[:depth] == above and len(path) > depth)
    return [
        node(
            step[-1],
            {"wstop:topic": True} if step in leaves else {},
            _description(leaves[step]) if step in leaves else None,
            *_branches(step, leaves),
        )
        for step in steps
    ]


def _description(notice: Notice) -> Xml:
    return node(
        "tt:MessageDescription",
        node("tt:Source", *_described(notice.source, "tt:ReferenceToken")) if notice.source else None,
        node("tt:Data", *_described(notice.data, "xs:string")),
        IsProperty=True,
    )


def _described(items: tuple[tuple[str, str], ...], kind: str) -> list[Xml]:
    return [
        node("tt:SimpleItemDescription", Name=name, Type="xs:boolean" if value in ("true", "false") else kind)
        for name, value in items
    ]


ACTIONS: dict[str, str] = {
    "CreatePullPointSubscription": f"{TEV}/EventPortType/CreatePullPointSubscriptionResponse",
    "GetEventProperties": f"{TEV}/EventPortType/GetEventPropertiesResponse",
    "GetServiceCapabilities": f"{TEV}/EventPortType/GetServiceCapabilitiesResponse",
    "PullMessages": f"{TEV}/PullPointSubscription/PullMessagesResponse",
    "SetSynchronizationPoint": f"{TEV}/PullPointSubscription/SetSynchronizationPointResponse",
    "Renew": "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewResponse",
    "Unsubscribe": "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeResponse",
}


def answer_header(request: SoapRequest) -> Xml | None:
    """The WS-Addressing headers of an event service's answer; None for other services."""
    if request.namespace not in (TEV, WSNT) or request.operation not in ACTIONS:
        return None
    asked = request.header_text(WSA, "MessageID")
    return join(
        node("wsa5:Action", ACTIONS[request.operation]),
        node("wsa5:RelatesTo", asked) if asked else None,
    )


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TEV, "CreatePullPointSubscription"): create_pull_point_subscription,
    (TEV, "PullMessages"): pull_messages,
    (TEV, "SetSynchronizationPoint"): set_synchronization_point,
    (TEV, "GetEventProperties"): get_event_properties,
    (TEV, "GetServiceCapabilities"): get_service_capabilities,
    (WSNT, "Renew"): renew,
    (WSNT, "Unsubscribe"): unsubscribe,
}
