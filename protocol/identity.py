"""Which words may never be a field: what could carry a face, a plate, a name, an identity number.

Law (invariant 8): no personal identifier passes a schema. Models are checked by a test that walks
every schema with ``identity_words``; payloads are checked at the door with ``refuse_identity``, so
that a sender who adds such a field is told instead of being silently ignored, and so that nothing of
it is stored with the raw entry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from protocol.errors import ProtocolError, Refusal

FORBIDDEN_WORDS: Final = frozenset(
    {
        "face", "faces", "faceid", "facialfeature", "feature", "features", "embedding", "biometric",
        "plate", "plates", "plateno", "platenumber", "licenseplate", "licenceplate", "lpr", "anpr",
        "gait", "iris", "fingerprint", "name", "names", "person", "persons", "personid", "personname",
        "people", "realname", "fullname", "firstname", "lastname", "surname", "citizen", "idcard",
        "idnumber", "identitynumber", "passport", "birthdate", "birthday", "gender", "ethnicity", "watchlist",
        "blacklist", "trajectory", "trajectories", "track", "tracks", "audio", "voice", "phone",
        "mobile", "address", "人脸", "车牌", "姓名", "身份证", "步态", "轨迹",
    }
)  # fmt: skip
"""Compared with whole words of a key, split at ``_`` and ``-`` and at a change of case, and with the
key with its separators removed."""

ALLOWED_KEYS: Final = frozenset({"mac_address"})
"""Keys that hold a forbidden word but name a thing, not a person: a network hardware address."""

DEPTH_LIMIT: Final = 16
"""Levels of nesting in one message; the deepest of ours has five."""

_SEPARATORS = re.compile(r"[_\-\s.]+|(?<=[a-z0-9])(?=[A-Z])")
_SUSPECT = re.compile("|".join(sorted(map(re.escape, FORBIDDEN_WORDS), key=len, reverse=True)), re.IGNORECASE)


def identity_words(key: str) -> frozenset[str]:
    """The forbidden words that ``key`` holds; empty when it is harmless. ``interface`` is harmless."""
    return _words_of_short(key) if len(key) <= 64 else _words(key)


@lru_cache(maxsize=4096)
def _words_of_short(key: str) -> frozenset[str]:
    return _words(key)


def _words(key: str) -> frozenset[str]:
    if not key.isascii():
        key = _plain(key)
    if key in ALLOWED_KEYS or not _SUSPECT.search(_SEPARATORS.sub("", key)):
        return frozenset()
    words = {word.lower() for word in _SEPARATORS.split(key) if word}
    words.add(_SEPARATORS.sub("", key).lower())
    return frozenset(words & FORBIDDEN_WORDS)


def _plain(key: str) -> str:
    """Full-width letters as ordinary ones, characters without width left out: ``ｆace`` is ``face``."""
    folded = unicodedata.normalize("NFKC", key)
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")


def refuse_identity(message: object, *, who: str, id_maps: Collection[tuple[str, ...]] = ()) -> None:
    """Raise ProtocolError when a key of ``message`` (parsed JSON), at any depth, holds a forbidden word.

    ``id_maps`` are paths of objects whose keys are ids, not field names: a device may be called
    ``face-1``. Nesting beyond ``DEPTH_LIMIT`` is refused as JSON, so that nothing after this recurses far.
    """
    waiting: list[tuple[object, tuple[str, ...], int]] = [(message, (), 1)]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > DEPTH_LIMIT:
            raise ProtocolError(Refusal.JSON, who, f"nested deeper than {DEPTH_LIMIT}")
        if isinstance(value, dict):
            if path not in id_maps:
                _refuse_keys(value, who=who)
            waiting += ((item, (*path, key), depth + 1) for key, item in value.items())
        elif isinstance(value, list):
            waiting += ((item, path, depth + 1) for item in value)


def _refuse_keys(fields: dict[str, object], *, who: str) -> None:
    for key in fields:
        found = identity_words(key)
        if found:
            raise ProtocolError(Refusal.IDENTITY, who, f"field {key!r} ({', '.join(sorted(found))})")
