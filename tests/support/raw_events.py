"""An event service on a raw socket that grants and answers what a test wants."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.support.hostile import answering, http

_ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsa="http://www.w3.org/2005/08/addressing"'
    ' xmlns:w="http://docs.oasis-open.org/wsn/b-2" xmlns:tns1="http://www.onvif.org/ver10/topics">'
    "<s:Body>{}</s:Body></s:Envelope>"
)
_SERVICES = (
    "<tds:GetServicesResponse><tds:Service>"
    "<tds:Namespace>http://www.onvif.org/ver10/events/wsdl</tds:Namespace>"
    "<tds:XAddr>http://127.0.0.1:{port}/events</tds:XAddr>"
    "<tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
    "</tds:GetServicesResponse>"
)
_GRANTED = (
    "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>{address}</wsa:Address>"
    "<wsa:ReferenceParameters><x:Slot xmlns:x='urn:x'>7</x:Slot></wsa:ReferenceParameters>"
    "</tev:SubscriptionReference><w:CurrentTime>2026-11-24T00:00:00Z</w:CurrentTime>"
    "<w:TerminationTime>2026-11-24T00:01:00Z</w:TerminationTime></tev:CreatePullPointSubscriptionResponse>"
)
_MOTION = (
    "<w:NotificationMessage><w:Topic>tns1:VideoSource/MotionAlarm</w:Topic><w:Message>"
    '<tt:Message UtcTime="2026-11-24T00:00:00Z" PropertyOperation="Changed">'
    '<tt:Source><tt:SimpleItem Name="Source" Value="v"/></tt:Source>'
    '<tt:Data><tt:SimpleItem Name="State" Value="{}"/></tt:Data></tt:Message></w:Message>'
    "</w:NotificationMessage>"
)
_OPERATIONS = ("CreatePullPointSubscription", "PullMessages", "Unsubscribe", "GetServices")


@dataclass(slots=True)
class RawEvents:
    """``address`` is where a pull point is granted, None: at the service; ``states``: each pull's motions."""

    address: str | None = None
    states: Sequence[bool] = ()
    port: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    unsubscribed: list[bytes] = field(default_factory=list)

    def answer(self, request: bytes) -> bytes:
        """What is said to one request."""
        asked = next((name for name in _OPERATIONS if name.encode() in request), "")
        self.asked[asked] += 1
        if asked == "Unsubscribe":
            self.unsubscribed.append(request)
        body = {
            "GetServices": _SERVICES.format(port=self.port),
            "CreatePullPointSubscription": _GRANTED.format(address=self._granted()),
            "PullMessages": f"<tev:PullMessagesResponse>{self._told()}</tev:PullMessagesResponse>",
            "Unsubscribe": "<w:UnsubscribeResponse/>",
        }.get(asked, "<tds:GetSystemDateAndTimeResponse/>")
        return http(_ENVELOPE.format(body).encode(), more="Connection: close\r\n")

    def _granted(self) -> str:
        return f"http://127.0.0.1:{self.port}/events" if self.address is None else self.address

    def _told(self) -> str:
        return "".join(_MOTION.format(str(state).lower()) for state in self.states)


@contextlib.contextmanager
def raw_events(device: RawEvents) -> Iterator[RawEvents]:
    """``device`` on a free port of loopback."""
    with answering(device.answer) as served:
        device.port = served.port
        yield device
