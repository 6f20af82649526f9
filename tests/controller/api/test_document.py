"""The OpenAPI document: the one in the repository is the one the code makes, and names nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator

from controller.api.access import gates
from controller.api.build import build_api
from controller.api.document import PLACE, document
from protocol.identity import identity_words


def test_the_document_in_the_repository_is_current() -> None:
    assert PLACE.read_text("utf-8") == document(), "run: python -m controller.api.document"


def test_it_is_openapi_31_and_lists_every_route() -> None:
    made = json.loads(document())
    assert made["openapi"].startswith("3.1")
    listed = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    served = {
        (method, route.path) for route, _ in gates(build_api(None)) for method in sorted(route.methods or ())
    }
    assert listed == served


def test_no_field_could_carry_a_face_a_plate_or_a_name() -> None:
    made = json.loads(document())
    wrong = {name for name in _properties(made) if identity_words(name)}
    assert not wrong


def test_every_operation_says_what_it_does() -> None:
    made = json.loads(document())
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)


def _properties(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in node.values():
            yield from _properties(value)
    if isinstance(node, list):
        for value in node:
            yield from _properties(value)
