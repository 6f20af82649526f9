"""The MQTT side as an AsyncAPI 3 document, seen from the box: it sends upward and receives downward.

QoS, retention and size come from ``protocol.topics.DELIVERY``, the messages from ``protocol.schemas``;
the bindings are those of MQTT, version 0.2.0.
"""

from __future__ import annotations

from typing import Any, Final

from protocol.codec import BATCH_ENTRIES, ENTRY_BYTES, PLAIN_KIND_OF, WINDOW_ENTRIES
from protocol.ids import ID_PATTERN
from protocol.schemas import DIALECT, schema_name
from protocol.topics import DELIVERY, Topic, TopicClass
from protocol.versions import MESSAGE_VERSION, TOPIC_VERSION

Document = dict[str, Any]

BINDING_VERSION: Final = "0.2.0"
KEEPALIVE_S: Final = 10
"""What boxes are shipped with; the limit within which a lost line is noticed is about 1.7 times this."""

_WHAT: Final = {
    TopicClass.SESSION: "Birth, planned stop and will of a box's connection.",
    TopicClass.NOW: "Heartbeat with what changed; may be lost.",
    TopicClass.LOG: "The box's log: everything that must not be lost.",
    TopicClass.TWIN_REPORTED: "What the box runs.",
    TopicClass.ACK: "What the centre has committed. The only acknowledgement that counts.",
    TopicClass.TWIN_DESIRED: "What the centre wants the box to run.",
    TopicClass.COMMAND: "One order; its result is a log entry.",
}


def document() -> Document:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Outpost 前哨: box and centre over MQTT 5",
            "version": f"{MESSAGE_VERSION}.0.0",
            "description": (
                "CloudEvents 1.0, JSON, structured mode. Log entries are CloudEvents batches of at most "
                f"{BATCH_ENTRIES} entries of at most {ENTRY_BYTES} bytes, at most {WINDOW_ENTRIES} of them "
                "unacknowledged; the rules of the log are in log-protocol.md. Unknown fields are ignored; "
                "sizes are checked before parsing."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"broker": _server()},
        "channels": {_name(kind): _channel(kind) for kind in TopicClass},
        "operations": {_operation_name(kind): _operation(kind) for kind in TopicClass},
        "components": {
            "parameters": {
                "box": {"description": f"Id of the box, {ID_PATTERN}; also the name of its certificate."}
            },
            "messages": {_message_name(kind): _message(kind) for kind in TopicClass},
        },
    }


def _server() -> Document:
    will = DELIVERY[TopicClass.SESSION]
    return {
        "host": "{host}:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "Mutual TLS. The certificate's name is the box id, the user name and the client id.",
        "variables": {"host": {"description": "The county's broker."}},
        "bindings": {
            "mqtt": {
                "clientId": "{box}",
                "cleanSession": True,
                "keepAlive": KEEPALIVE_S,
                "sessionExpiryInterval": 0,
                "lastWill": {
                    "topic": str(Topic("{box}", TopicClass.SESSION)),
                    "qos": will.qos,
                    "retain": will.retained,
                    "message": "outpost.session.v1 with status offline and the number of this session: "
                    "a will of an older session is ignored",
                },
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _channel(kind: TopicClass) -> Document:
    return {
        "address": f"op/{TOPIC_VERSION}/{{box}}/{kind.value}",
        "description": _WHAT[kind],
        "parameters": {"box": {"$ref": "#/components/parameters/box"}},
        "messages": {_message_name(kind): {"$ref": f"#/components/messages/{_message_name(kind)}"}},
        "x-limit-bytes": DELIVERY[kind].limit_bytes,
    }


def _operation(kind: TopicClass) -> Document:
    delivery = DELIVERY[kind]
    return {
        "action": "send" if kind.upward else "receive",
        "channel": {"$ref": f"#/channels/{_name(kind)}"},
        "messages": [{"$ref": f"#/channels/{_name(kind)}/messages/{_message_name(kind)}"}],
        "bindings": {
            "mqtt": {
                "qos": delivery.qos,
                "retain": delivery.retained,
                "bindingVersion": BINDING_VERSION,
            }
        },
    }


def _message(kind: TopicClass) -> Document:
    batch = kind is TopicClass.LOG
    return {
        "name": _message_name(kind),
        "summary": f"{_WHAT[kind]} At most {DELIVERY[kind].limit_bytes} bytes.",
        "contentType": f"application/cloudevents{'-batch' if batch else ''}+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$schema": DIALECT, "$ref": f"schemas/{schema_name(_message_name(kind))}"},
        },
    }


def _name(kind: TopicClass) -> str:
    """``upSession``: channels are named after their place."""
    direction, word = kind.value.split("/")
    return f"{direction}{word.capitalize()}"


def _operation_name(kind: TopicClass) -> str:
    return f"{'send' if kind.upward else 'receive'}{kind.value.split('/')[1].capitalize()}"


def _message_name(kind: TopicClass) -> str:
    return PLAIN_KIND_OF.get(kind, "log")
