"""Writes the OpenAPI 3.1 document: ``python -m controller.api.document``. A test compares it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from controller.api.build import build_api

PLACE = Path(__file__).parents[2] / "docs" / "ref" / "openapi.json"


def document() -> str:
    """The document as it stands in the repository."""
    schema = build_api(None).openapi()
    return json.dumps(schema, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main() -> int:
    """Write the document to its place."""
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{PLACE}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
