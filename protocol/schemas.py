"""The wire as JSON Schema 2020-12, made from the models. Law: nothing here is written by hand twice.

One schema a message kind describes the whole CloudEvents envelope with its data; ``log`` is the batch
that ``up/log`` carries.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, Final

from protocol.codec import BATCH_ENTRIES, CENTRE_SOURCE, PLAIN_KIND_OF
from protocol.ids import ID_PATTERN
from protocol.messages import ENTRY_KINDS, PLAIN_KINDS, Entry, Event, Frozen, type_name
from protocol.versions import MESSAGE_VERSION

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_BOX_SOURCE: Final = f"^/box/{ID_PATTERN.removeprefix('^')}"
_UPWARD: Final = {kind for topic, kind in PLAIN_KIND_OF.items() if topic.upward}


def schema_name(kind: str) -> str:
    """File name of a kind's schema: ``device.health.v1.json``."""
    return f"{kind}.v{MESSAGE_VERSION}.json"


def message_schema(kind: str) -> Schema:
    """The schema of one message: envelope and data. Raises KeyError for a kind that does not exist."""
    if kind in ENTRY_KINDS:
        return _schema_of(Entry, ENTRY_KINDS[kind], kind)
    return _schema_of(Event, PLAIN_KINDS[kind], kind)


def entry_schema() -> Schema:
    """The envelope of a log entry, whatever its data."""
    schema = Entry[Any].model_json_schema()
    schema["properties"]["data"] = {"type": "object", "description": "By ``type``: see its own schema."}
    schema["properties"]["source"]["pattern"] = _BOX_SOURCE
    return _headed(schema, name="entry", title="Log entry")


def log_schema() -> Schema:
    """What ``up/log`` carries: entries in their order."""
    schema: Schema = {
        "description": "CloudEvents batch format: log entries in their order.",
        "type": "array",
        "minItems": 1,
        "maxItems": BATCH_ENTRIES,
        "items": {"oneOf": [{"$ref": schema_name(kind)} for kind in sorted(ENTRY_KINDS)]},
    }
    return _headed(schema, name="log", title="Log batch")


def all_schemas() -> dict[str, Schema]:
    """Every schema by its file name."""
    kinds = sorted({*ENTRY_KINDS, *PLAIN_KINDS})
    schemas = {schema_name(kind): message_schema(kind) for kind in kinds}
    return {schema_name("entry"): entry_schema(), schema_name("log"): log_schema(), **schemas}


def _schema_of(envelope: type[Event[Any]], data: type[Frozen], kind: str) -> Schema:
    schema = envelope[data].model_json_schema()  # type: ignore[index]
    schema["description"] = cleandoc(data.__doc__ or "")
    properties = schema["properties"]
    properties["type"]["const"] = type_name(kind)
    if kind in ENTRY_KINDS or kind in _UPWARD:
        properties["source"]["pattern"] = _BOX_SOURCE
    else:
        properties["source"]["const"] = CENTRE_SOURCE
    return _headed(schema, name=kind, title=type_name(kind))


def _headed(schema: Schema, *, name: str, title: str) -> Schema:
    _close_maps(schema)
    return {"$schema": DIALECT, "$id": schema_name(name), **schema, "title": title}


def _close_maps(node: object) -> None:
    """A key that does not fit a map's pattern is refused by the model; pydantic does not write that."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for item in node.values():
            _close_maps(item)
    elif isinstance(node, list):
        for item in node:
            _close_maps(item)
