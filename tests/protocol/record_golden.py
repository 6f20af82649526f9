"""Adds golden files that are missing, and their hashes to the manifest; never touches one that is there.

python -m tests.protocol.record_golden
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from protocol.codec import join_batch
from protocol.messages import ENTRY_KINDS
from protocol.versions import MESSAGE_VERSION
from tests.support.wire import EXAMPLES, VARIANTS, entry_bytes, event_bytes, kind_of

FOLDER = Path(__file__).parent / "golden"
MANIFEST = FOLDER / "manifest.json"


def read_manifest(folder: Path = FOLDER) -> dict[str, str]:
    """SHA-256 by file name; empty when there is no manifest yet."""
    path = folder / MANIFEST.name
    hashes: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return hashes


def record(folder: Path = FOLDER) -> None:
    """Write what is missing."""
    payloads = {
        kind_of(data): entry_bytes(data) if kind_of(data) in ENTRY_KINDS else event_bytes(data)
        for data in EXAMPLES
    }
    entries = [data for data in EXAMPLES if kind_of(data) in ENTRY_KINDS]
    payloads |= {name: entry_bytes(data) for name, data in VARIANTS.items()}
    payloads["batch"] = join_batch([entry_bytes(data, number) for number, data in enumerate(entries, 1)])
    hashes = read_manifest(folder)
    for kind, payload in payloads.items():
        path = folder / f"{kind}.v{MESSAGE_VERSION}.json"
        if not path.exists():
            path.write_bytes(payload)
            hashes[path.name] = hashlib.sha256(payload).hexdigest()
    text = json.dumps(dict(sorted(hashes.items())), indent=2) + "\n"
    (folder / MANIFEST.name).write_text(text, "utf-8")


if __name__ == "__main__":
    record()
