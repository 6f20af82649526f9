"""What applying the analysis stream would make and change on one device, and what stands against it.

Law: looking only reads. An encoder is free when no profile shows it and it says itself that nothing uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.devices.analysis import sentences
from agent.devices.analysis.encoders import Encoders
from agent.devices.analysis.notes import Note
from agent.devices.analysis.profiles import Listed, MediaProfiles
from agent.devices.analysis.wish import NAME, Wish, codec_for, wished
from agent.devices.profiles import read_profiles, watched
from agent.devices.settings.surface import Surface
from agent.management import ChangedField, Settings, Value

_MOST_ASKED = 8
"""Encoders whose options are asked: two questions each."""


@dataclass(frozen=True, slots=True)
class Plan:
    """``profile`` is the token of the one that is there already, "" when it would be made. ``obstacle`` is
    the sentence that says why nothing can be done; then nothing else of it counts but the limits."""

    obstacle: str = ""
    profile: str = ""
    makes_profile: bool = False
    ours: bool = False
    """``profile`` is one of the box's own."""
    source: str = ""
    encoder: str = ""
    shared_with: tuple[str, ...] = ()
    """Names of other profiles whose stream changes too."""
    changes: tuple[ChangedField, ...] = ()
    settled: Mapping[str, Value] | None = None
    """What the encoder is to be, without prefix."""
    short: tuple[str, ...] = ()
    profiles: int = 0
    most_profiles: int | None = None
    encoders: int = 0
    most_encoders: int | None = None
    free_encoders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """The device as it is now."""

    profiles: tuple[Listed, ...]
    encoders: Mapping[str, Settings]
    inside: frozenset[str]

    def users(self, encoder: str, *, but: str = "") -> tuple[str, ...]:
        """Who uses an encoder, by the names of profiles."""
        shown = tuple(
            one.name or one.token for one in self.profiles if one.encoder == encoder and one.token != but
        )
        hidden = encoder in self.inside and not any(one.encoder == encoder for one in self.profiles)
        return shown + ((sentences.inside(),) if hidden else ())


class Planner:
    """Looks at one device. Every call may raise DeviceError."""

    def __init__(self, surface: Surface, profiles: MediaProfiles, encoders: Encoders) -> None:
        self._surface = surface
        self._profiles = profiles
        self._encoders = encoders

    def plan(self, note: Note | None, *, shared: bool) -> Plan:
        """What would be done; with ``shared`` also on an encoder that other profiles use."""
        listed = self._profiles.listed()
        encoders = self._encoders.of_all()
        seen = _Seen(listed, encoders, self._encoders.used_inside())
        own = own_profile(listed, note)
        base = own if own is not None and own.source and own.encoder else self._base(listed)
        limits = Plan(profiles=len(listed), encoders=len(encoders), most_profiles=self._profiles.most())
        if base is None:
            return replace(limits, obstacle=sentences.no_profile(self._surface.where))
        free = tuple(token for token in encoders if not seen.users(token))
        limits = replace(limits, most_encoders=self._profiles.instances(base.source), free_encoders=free)
        if own is not None and own.encoder in encoders:
            return self._again(limits, own, seen)
        return self._anew(limits, own, base, seen, shared=shared)

    def _base(self, listed: Sequence[Listed]) -> Listed | None:
        """The profile the box watches now: ours shows the same source."""
        surface = self._surface
        told = read_profiles(surface.session, surface.find("media"), surface.find("media2"))
        best = watched([profile for profile in told if profile.name != NAME])
        whole = [one for one in listed if one.source and one.encoder]
        return next(
            (one for one in whole if best is not None and one.token == best.token), next(iter(whole), None)
        )

    def _again(self, limits: Plan, own: Listed, seen: _Seen) -> Plan:
        """It is there: what is to be put right."""
        wish = self._wish(own.encoder, seen.encoders[own.encoder])
        wish = wish or Wish(dict(seen.encoders[own.encoder]))
        users = seen.users(own.encoder, but=own.token)
        plan = replace(limits, profile=own.token, ours=own.name == NAME, source=own.source)
        return _with(plan, own.encoder, seen.encoders[own.encoder], wish, users)

    def _anew(self, limits: Plan, own: Listed | None, base: Listed, seen: _Seen, *, shared: bool) -> Plan:
        full = limits.most_profiles is not None and limits.profiles >= limits.most_profiles
        full = full and own is None
        fits = self._profiles.compatible(base.token)
        able = [token for token in limits.free_encoders if fits is None or token in fits]
        best = min(self._wishes(able, seen), key=lambda one: one[2], default=None)
        plan = replace(limits, source=base.source, makes_profile=own is None, ours=True)
        plan = replace(plan, profile="" if own is None else own.token)
        if best is not None and not full:
            return _with(plan, best[0], seen.encoders[best[0]], best[1], ())
        taken = self._sharable(base, seen)
        if taken is None or not shared:
            obstacle = self._obstacle(limits, seen, taken, full=full and best is not None)
            return replace(limits, obstacle=obstacle)
        if full:  # no profile of our own fits: the one that shows the encoder is read
            shows = next(one for one in seen.profiles if one.encoder == taken[0])
            plan = replace(plan, makes_profile=False, ours=False, profile=shows.token)
            users = tuple(seen.users(taken[0]))
            return _with(plan, taken[0], seen.encoders[taken[0]], taken[1], users)
        return _with(plan, taken[0], seen.encoders[taken[0]], taken[1], seen.users(taken[0]))

    def _obstacle(self, limits: Plan, seen: _Seen, taken: tuple[str, Wish] | None, *, full: bool) -> str:
        if full and limits.most_profiles is not None:
            return sentences.profiles_full(self._surface.where, limits.profiles, limits.most_profiles)
        used = [sentences.use(token, seen.users(token)) for token in seen.encoders if seen.users(token)]
        return sentences.no_free_encoder(self._surface.where, used, "" if taken is None else taken[0])

    def _sharable(self, base: Listed, seen: _Seen) -> tuple[str, Wish] | None:
        """The encoder of the stream that is watched now, never that of the largest stream: it is recorded."""
        largest = max(_pixels(settings) for settings in seen.encoders.values())
        settings = seen.encoders.get(base.encoder)
        if settings is None or _pixels(settings) >= largest:
            return None
        wish = self._wish(base.encoder, settings)
        return None if wish is None else (base.encoder, wish)

    def _wishes(self, tokens: Sequence[str], seen: _Seen) -> Iterator[tuple[str, Wish, tuple[int, int]]]:
        likely = sorted(tokens, key=lambda token: seen.encoders[token].get("codec") not in ("H264", "H265"))
        for token in likely[:_MOST_ASKED]:
            wish = self._wish(token, seen.encoders[token])
            if wish is not None:
                yield token, wish, (len(wish.short), len(_changes(seen.encoders[token], wish)))

    def _wish(self, token: str, before: Settings) -> Wish | None:
        options = self._encoders.choices(token)
        codec = codec_for(before, options.get("codec"))
        if codec != before.get("codec"):
            options = self._encoders.choices(token, codec)
        return wished(before, options, codec)


def own_profile(listed: Sequence[Listed], note: Note | None) -> Listed | None:
    """The profile of the analysis stream: the noted one, else one of our name. A token that now stands for a
    profile of another name is not ours any more."""
    noted = note.profile if note is not None else ""
    for one in listed:
        if note is not None and one.token == noted and one.name in (NAME, note.name):
            return one
    return next((one for one in listed if one.name == NAME), None)


def _with(plan: Plan, encoder: str, before: Settings, wish: Wish, users: tuple[str, ...]) -> Plan:
    changes = tuple(
        ChangedField(name, before.get(name), value, value) for name, value in _changes(before, wish).items()
    )
    return replace(
        plan,
        encoder=encoder,
        shared_with=users,
        changes=changes,
        settled=dict(wish.settings),
        short=wish.short,
    )


def _changes(before: Settings, wish: Wish) -> dict[str, Value]:
    return {name: value for name, value in wish.settings.items() if before.get(name) != value}


def _pixels(settings: Settings) -> int:
    width, _, height = str(settings.get("size", "0x0")).partition("x")
    return int(width) * int(height) if width.isdecimal() and height.isdecimal() else 0
