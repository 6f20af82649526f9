"""PullMessages answers made for tests, message by message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from lxml import etree

from agent.devices.notifications import Tally, Told, read_told

NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
_SPACES = (
    'xmlns:t="http://www.onvif.org/ver10/events/wsdl" xmlns:w="http://docs.oasis-open.org/wsn/b-2" '
    'xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:tns1="http://www.onvif.org/ver10/topics" '
    'xmlns:tnshik="http://www.hikvision.com/2011/event/topics" '
    'xmlns:tnsaxis="http://www.axis.com/2009/event/topics"'
)


def message(
    topic: str,
    *,
    data: Mapping[str, str],
    source: Mapping[str, str] | None = None,
    key: Mapping[str, str] | None = None,
    operation: str | None = "Changed",
    utc: str = "2026-05-01T07:59:58Z",
    more: str = "",
) -> str:
    """One NotificationMessage; ``more`` is XML put behind the data items."""
    marks = f' PropertyOperation="{operation}"' if operation else ""
    parts = "".join(
        f"<tt:{part}>{_items(items)}{more if part == 'Data' else ''}</tt:{part}>"
        for part, items in (("Source", source or {}), ("Key", key or {}), ("Data", data))
    )
    return (
        f'<w:NotificationMessage><w:Topic Dialect="d">{topic}</w:Topic><w:Message>'
        f"<tt:Message UtcTime={quoteattr(utc)}{marks}>{parts}</tt:Message>"
        "</w:Message></w:NotificationMessage>"
    )


def _items(values: Mapping[str, str]) -> str:
    return "".join(
        f"<tt:SimpleItem Name={quoteattr(name)} Value={quoteattr(value)}/>" for name, value in values.items()
    )


def answer(*messages: str) -> etree._Element:
    """A PullMessagesResponse of these messages."""
    return etree.fromstring(f"<t:PullMessagesResponse {_SPACES}>{''.join(messages)}</t:PullMessagesResponse>")


def told(*messages: str) -> tuple[Told, Tally]:
    """What the parser makes of them."""
    tally = Tally()
    return read_told(answer(*messages), now=NOW, tally=tally), tally
