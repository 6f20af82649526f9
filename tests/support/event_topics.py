"""Every event topic of the recorded devices and what it means here: a table, kept as a golden file.

Rows come from recorded notifications (``messages``: each read by the parser, with what it told) and from
the topic trees of GetEventProperties (``declared``). ``python -m tests.support.event_topics`` prints it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

from agent.devices.notifications import Tally, Told, read_told
from agent.devices.topics import Kind, kind_of, meaning, normalised
from tests.support.recorded import onvif_data

GOLDEN = Path(__file__).resolve().parents[1] / "agent" / "devices" / "golden" / "event_topics.txt"
NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
_PARSER = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
_WSN = "http://docs.oasis-open.org/wsn/b-2"
_TT = "http://www.onvif.org/ver10/schema"
_TNS1 = "http://www.onvif.org/ver10/topics"


@dataclass
class Row:
    """One topic: in how many trees it is declared, and what its recorded messages told."""

    declared: int = 0
    messages: int = 0
    told: set[str] = field(default_factory=set)


def rows(folder: Path) -> dict[str, Row]:
    """Every topic below the folder, normalised."""
    found: dict[str, Row] = defaultdict(Row)
    for path in sorted(folder.rglob("*.xml")):
        root = etree.fromstring(path.read_bytes().lstrip() or b"<none/>", _PARSER)
        if root is None:
            continue
        for topic in _declared(root):
            found[topic].declared += 1
        for message in root.iter("{*}NotificationMessage"):
            _read(found, message)
    for path in sorted((folder / "openvideolibs-onvif-parsers").rglob("*.json")):
        _read(found, message_of(json.loads(path.read_text("utf-8"))))
    return found


def table(folder: Path) -> str:
    """The rows as text, by topic."""
    lines = [f"{'topic':<78} {'declared':>8} {'messages':>8}  meaning"]
    for topic, row in sorted(rows(folder).items()):
        told = f"  told: {', '.join(sorted(row.told))}" if row.told else ""
        lines.append(f"{topic:<78} {row.declared:>8} {row.messages:>8}  {_meant(topic)}{told}")
    return "\n".join(lines) + "\n"


def read_one(message: etree._Element) -> tuple[Told, Tally]:
    """One NotificationMessage through the parser."""
    answer = etree.Element("{http://www.onvif.org/ver10/events/wsdl}PullMessagesResponse")
    # a copy keeps the namespaces in force, which is how a topic's prefix is read
    answer.append(etree.fromstring(etree.tostring(message), _PARSER))
    tally = Tally()
    return read_told(answer, now=NOW, tally=tally), tally


def message_of(record: dict[str, Any]) -> etree._Element:
    """A notification as zeep kept it, written back as the XML it was."""
    inner = record["Message"]["_value_1"]
    message = etree.Element(f"{{{_WSN}}}NotificationMessage", nsmap={"tns1": _TNS1, "w": _WSN, "tt": _TT})
    etree.SubElement(message, f"{{{_WSN}}}Topic").text = record["Topic"]["_value_1"]
    outer = etree.SubElement(message, f"{{{_WSN}}}Message")
    body = etree.SubElement(outer, f"{{{_TT}}}Message")
    for name in ("UtcTime", "PropertyOperation"):
        if inner.get(name):
            body.set(name, inner[name])
    for part in ("Source", "Data"):
        held = etree.SubElement(body, f"{{{_TT}}}{part}")
        for item in (inner.get(part) or {}).get("SimpleItem", []):
            etree.SubElement(held, f"{{{_TT}}}SimpleItem", Name=item["Name"], Value=item["Value"])
    return message


def _read(found: dict[str, Row], message: etree._Element) -> None:
    topic = message.find("{*}Topic")
    assert topic is not None
    row = found[normalised(topic.text or "", topic.nsmap)]
    row.messages += 1
    told, tally = read_one(message)
    row.told |= {f"{_state(n.event.active)}{' (initial)' * n.event.initial}" for n in told.notices}
    row.told |= {f"{one.name}={one.value}" for one in told.readings}
    row.told |= {kind for kind, _ in tally.counts()}


def _state(active: bool | None) -> str:
    return {True: "on", False: "off", None: "pulse"}[active]


def _meant(topic: str) -> str:
    meant = meaning(topic)
    kind = kind_of(topic)
    if kind is not Kind.MEANT or meant is None:
        return kind.value
    return f"{meant.shape.value} {meant.topic or meant.name}"


def _declared(root: etree._Element) -> Iterator[str]:
    for topics in root.iter("{*}TopicSet"):
        for node in topics.iter(etree.Element):
            if node.find("{*}MessageDescription") is not None or _marked(node):
                yield _topic_of(node)


def _marked(node: etree._Element) -> bool:
    """Hikvision marks branches as topics too; only a leaf can be told."""
    return len(node) == 0 and any(
        str(name).rpartition("}")[2] == "topic" and value == "true" for name, value in node.attrib.items()
    )


def _topic_of(node: etree._Element) -> str:
    steps: list[str] = []
    names: dict[str | None, str] = {}
    at: etree._Element | None = node
    while at is not None and etree.QName(at).localname != "TopicSet":
        step = etree.QName(at)
        prefix = f"p{len(names)}"
        if step.namespace:
            names[prefix] = step.namespace
        steps.append(f"{prefix}:{step.localname}" if step.namespace else step.localname)
        at = at.getparent()
    return normalised("/".join(reversed(steps)), names)


def main() -> int:
    """Print the table; with ``--write`` renew the golden file; 1 when it differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.event_topics")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = table(onvif_data())
    print(text)
    if options.write:
        GOLDEN.write_text(text, "utf-8")
    return 0 if GOLDEN.exists() and GOLDEN.read_text("utf-8") == text else 1


if __name__ == "__main__":
    sys.exit(main())
