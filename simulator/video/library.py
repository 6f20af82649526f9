"""The shelf of clips: finds them in the cache, has missing ones baked in a process of their own, shares them.

Law: nothing is rendered on the event loop. A broken file in the cache is thrown away and made again.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import logging
import os
import sys
import time
import weakref
from collections.abc import Iterable
from pathlib import Path

from simulator.video.clip import BrokenClip, Clip, load
from simulator.video.model import Reel, VideoError
from simulator.video.scenes import scene_named

log = logging.getLogger(__name__)

_RECIPE = ("backdrop", "blemish", "cast", "clip", "encoder", "film", "model", "scenes", "stage", "texture")
"""The modules that decide what is in a clip; their text is part of every key: no old picture survives."""
_STALE_PART_S = 3600
_ROOT = Path(__file__).resolve().parents[2]


class Library:
    """Clips by reel, on disk under `cache` and in memory as long as somebody holds them."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._held: weakref.WeakValueDictionary[str, Clip] = weakref.WeakValueDictionary()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(max(1, os.cpu_count() or 1))
        self._phases = 0

    def load(self, reel: Reel) -> Clip | None:
        """The clip, None when it is not in the cache; raises VideoError for an unknown source."""
        key = reel_key(reel)
        clip = self._held.get(key)
        if clip is not None:
            return clip
        path = self.path(reel)
        try:
            clip = load(path)
        except FileNotFoundError:
            return None
        except (BrokenClip, ValueError, KeyError, OSError) as error:
            log.warning("clip=%s file=%s broken, will be made again: %s", reel, path.name, error)
            path.unlink(missing_ok=True)
            return None
        self._held[key] = clip
        return clip

    def path(self, reel: Reel) -> Path:
        """Where a clip lies, or will lie."""
        return self._cache / f"{reel_key(reel)}.clip"

    async def prepare(self, wanted: Iterable[Reel]) -> None:
        """Have every wanted clip in the cache; tells its progress on stderr.

        Raises VideoError when a source cannot be read or rendered.
        """
        missing: dict[str, list[Reel]] = {}
        waiting: set[asyncio.Task[None]] = set()
        for reel in dict.fromkeys(wanted):
            key = reel_key(reel)
            if key in self._under_way:
                waiting.add(self._under_way[key])
            elif self.load(reel) is None:
                missing.setdefault(str(reel.source), []).append(reel)
        for reels in missing.values():
            task = asyncio.create_task(self._bake(reels), name=f"bake {reels[0]}")
            waiting.add(task)
            for reel in reels:
                self._under_way[reel_key(reel)] = task
        results = await asyncio.gather(*map(asyncio.shield, waiting), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def close(self) -> None:
        """Stop what is being rendered."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def under_way(self) -> int:
        """How many clips are ordered and not made yet."""
        return len(self._under_way)

    def next_phase(self) -> float:
        """0..1, evenly spread: where in its loop the next camera starts."""
        self._phases += 1
        return (self._phases * 0.6180339887498949) % 1.0

    async def _bake(self, reels: list[Reel]) -> None:
        try:
            async with self._turns:
                await self._bake_in_child(reels)
        finally:
            for reel in reels:
                self._under_way.pop(reel_key(reel), None)

    async def _bake_in_child(self, reels: list[Reel]) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        _clear_parts(self._cache)
        order = [{"reel": reel.as_json(), "path": str(self.path(reel))} for reel in reels]
        started = time.monotonic()
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulator.video.bakery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
            },
        )
        try:
            _, said = await child.communicate(json.dumps(order).encode())
        except BaseException:
            if child.returncode is None:
                child.kill()
            await child.wait()
            raise
        if child.returncode != 0:
            reason = said.decode(errors="replace").strip().splitlines()[-1:] or [
                f"exit status {child.returncode}"
            ]
            raise VideoError(f"{reels[0]}: 画面没有生成 / clip was not made: {reason[0]}")
        took = time.monotonic() - started
        sys.stderr.write(f"画面 {reels[0].source}: {len(reels)} 段 / clips, {took:.1f} s\n")


def reel_key(reel: Reel) -> str:
    """The name of a clip in the cache: everything its pixels depend on."""
    profile = reel.profile
    if isinstance(reel.source, Path):
        source = {"file": _file_digest(reel.source)}
    else:
        scene_named(reel.source)
        source = {"scene": reel.source}
    facts = {
        "recipe": _recipe_digest(),
        **source,
        "size": [profile.width, profile.height],
        "fps": profile.fps,
        "gop": profile.gop,
        "codec": str(profile.codec),
        "picture": str(reel.picture),
        "action": reel.action,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
    name = reel.source.stem if isinstance(reel.source, Path) else reel.source
    readable = "".join(letter for letter in name if letter.isalnum() or letter in "-_")[:40]
    return f"{readable}-{profile.height}p{profile.fps}-{reel.picture}-{digest}"


@functools.cache
def _recipe_digest() -> str:
    folder = Path(__file__).parent
    texts = b"".join((folder / f"{name}.py").read_bytes() for name in _RECIPE)
    return hashlib.sha256(texts).hexdigest()[:16]


def _file_digest(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise VideoError(f"{path}: 无法读取 / cannot be read: {error.strerror}") from error
    return _content_digest(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _content_digest(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _clear_parts(cache: Path) -> None:
    """Remove what killed renders left behind; younger files may belong to somebody at work."""
    for part in cache.glob("*.part"):
        try:
            if time.time() - part.stat().st_mtime > _STALE_PART_S:
                part.unlink(missing_ok=True)
        except OSError:
            continue
