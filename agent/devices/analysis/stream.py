"""The analysis stream of one device: planned, applied and verified, undone.

Law: see the package. The stream itself is looked at by whoever is handed in: this room opens none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.devices import sentences as usual
from agent.devices.account import Account
from agent.devices.analysis import sentences
from agent.devices.analysis.encoders import Encoders
from agent.devices.analysis.notes import AnalysisNotes, Note
from agent.devices.analysis.plan import Plan, Planner, own_profile
from agent.devices.analysis.profiles import Listed, MediaProfiles
from agent.devices.analysis.wish import NAME, differences
from agent.devices.limits import Limits
from agent.devices.settings.change import READ_BACK_S
from agent.devices.settings.surface import Surface
from agent.devices.wsdl import Services
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Change, Value
from agent.model import Device, StreamMeasure

log = logging.getLogger(__name__)

Look = Callable[[str], StreamMeasure]
"""Opens the stream of a profile, by its token, for a few seconds. Raises DeviceError."""


@dataclass(frozen=True, slots=True)
class Applied:
    """``differences`` are between what the encoder says and what the stream is; ``trouble`` says why the
    stream could not be looked at. It is used when both are empty."""

    plan: Plan
    profile: str
    measured: StreamMeasure | None = None
    differences: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def verified(self) -> bool:
        return self.measured is not None and not self.differences


@dataclass(frozen=True, slots=True)
class Undone:
    """``profile`` was taken away, "" when there was none; ``left`` says what was not put back, and why."""

    profile: str
    change: Change | None
    left: tuple[str, ...] = ()


class AnalysisStream:
    """Close it after use. One thread at a time."""

    def __init__(
        self, device: Device, account: Account, services: Services, notes: AnalysisNotes, *, limits: Limits
    ) -> None:
        self._surface = Surface(device, account, services, limits=limits)
        self._device = device
        self._notes = notes
        self._profiles = MediaProfiles(self._surface)
        self._encoders = Encoders(self._surface)
        self._planner = Planner(self._surface, self._profiles, self._encoders)

    @property
    def note(self) -> Note | None:
        """What is noted: None when nothing of ours is on the device, as far as the box knows."""
        return self._notes.read(self._device.id)

    def plan(self, *, shared: bool = False) -> Plan:
        """What ``apply`` would do now; nothing is written. Raises DeviceError."""
        self._require_writable("plan")
        return self._planner.plan(self.note, shared=shared)

    def apply(self, look: Look, *, shared: bool = False) -> Applied:
        """Make it so and look at it; put back when a part is refused or not kept.

        Raises DeviceError: READ_ONLY, BAD_VALUE with the obstacle, and what the device refused. StoreFull
        when nothing could be noted: then nothing was sent.
        """
        self._require_writable("apply")
        plan = self._planner.plan(self.note, shared=shared)
        if plan.obstacle:
            raise self._surface.error(DeviceTrouble.BAD_VALUE, plan.obstacle)
        first = self.note is None
        self._require_undone(plan)
        note = self._noted(plan)
        try:
            token = self._set_up(plan, note)
        except DeviceError as error:
            raise (self._put_back(error) if first else error) from error
        return self._looked_at(plan, token, look)

    def undo(self) -> Undone:
        """Take the profile away and put the encoder back as it was noted. Raises DeviceError; then it can be
        tried again."""
        self._require_writable("undo")
        note = self.note
        removed = self._removed(note)
        if note is None:
            if not removed:
                detail = sentences.nothing_to_undo(self._surface.where)
                raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)
            return Undone(removed, None, (sentences.unknown_before(),))
        change, left = self._restored(note)
        self._notes.strike(self._device.id)
        log.info("device=%s analysis stream undone", self._device.id)
        return Undone(removed, change, left)

    def close(self) -> None:
        """Drop the connection; idempotent."""
        self._surface.close()

    def _require_writable(self, operation: str) -> None:
        if not self._surface.writable:
            detail = usual.read_only(self._surface.where, f"analysis {operation}")
            raise self._surface.error(DeviceTrouble.READ_ONLY, detail)

    def _require_undone(self, plan: Plan) -> None:
        """Raises DeviceError when another encoder is noted to be put back: its note would be lost."""
        known = self.note
        if known is not None and known.encoder not in ("", plan.encoder) and known.before != known.left:
            detail = sentences.undo_first(self._surface.where, known.encoder)
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _noted(self, plan: Plan) -> Note:
        """Note what is there now, before anything is sent; what was noted first stays."""
        known = self.note
        if known is not None and known.encoder == plan.encoder:
            note = replace(known, verified=False)
        else:
            before = self._encoders.of_all()[plan.encoder]
            named = next((one.name for one in self._profiles.listed() if one.token == plan.profile), "")
            shared = bool(plan.shared_with)
            note = Note(plan.profile, named, plan.ours, shared, plan.encoder, before, before)
        self._notes.write(self._device.id, note)
        return note

    def _set_up(self, plan: Plan, note: Note) -> str:
        token = plan.profile
        if plan.makes_profile:
            token = self._profiles.create(NAME)
            note = replace(note, profile=token, name=NAME, made=True)
            self._notes.write(self._device.id, note)
        if plan.ours:
            note = replace(note, name=self._filled(plan, token))
            self._notes.write(self._device.id, note)
        wanted = {field.name: field.wanted for field in plan.changes}
        if wanted:
            # What a codec takes with it is put back too: every setting of the encoder is noted.
            self._notes.write(self._device.id, replace(note, left={**note.left, **wanted}))
            self._encoders.set(plan.encoder, wanted)
        left = self._encoders.of_all()[plan.encoder]
        self._notes.write(self._device.id, replace(note, profile=token, left=left))
        return token

    def _filled(self, plan: Plan, token: str) -> str:
        """Put source and encoder in, and see that they are; returns what the device calls the profile."""

        def whole() -> Listed | None:
            shown = next((one for one in self._profiles.listed() if one.token == token), None)
            wanted = (plan.source, plan.encoder)
            return shown if shown is not None and (shown.source, shown.encoder) == wanted else None

        with self._surface.session.transport.within(READ_BACK_S):
            shown = whole()
            if shown is None:
                self._profiles.fill(token, source=plan.source, encoder=plan.encoder)
                shown = whole()
        if shown is None:
            detail = sentences.not_made(self._surface.where)
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return shown.name

    def _looked_at(self, plan: Plan, token: str, look: Look) -> Applied:
        try:
            measured = look(token)
        except DeviceError as error:
            return Applied(plan, token, trouble=error.detail)
        settled = self._encoders.of_all().get(plan.encoder, {})
        applied = Applied(plan, token, measured, differences(settled, measured))
        note = self.note
        if note is not None:
            self._notes.write(self._device.id, replace(note, verified=applied.verified))
        log.info("device=%s analysis stream applied verified=%s", self._device.id, applied.verified)
        return applied

    def _put_back(self, refused: DeviceError) -> DeviceError:
        """Undo what was begun; the refusal with what came of that."""
        try:
            note = self.note
            if note is not None:  # whatever it is now is of our doing
                left = self._encoders.of_all().get(note.encoder, note.left)
                self._notes.write(self._device.id, replace(note, left=left))
            self.undo()
        except DeviceError as error:
            detail = sentences.not_put_back(refused.detail, error.detail)
            return self._surface.error(refused.kind, detail)
        return self._surface.error(refused.kind, sentences.put_back(refused.detail))

    def _removed(self, note: Note | None) -> str:
        """Delete our own profile and see that it is gone; its token, "" when there is none."""
        with self._surface.session.transport.within(READ_BACK_S):
            own = own_profile(self._profiles.listed(), note)
            if own is None or (own.name != NAME and (note is None or not note.made)):
                return ""
            refused = self._deleted(own.token)
            if any(one.token == own.token for one in self._profiles.listed()):
                detail = sentences.still_there(self._surface.where)
                raise refused or self._surface.error(DeviceTrouble.NOT_KEPT, detail)
        return own.token

    def _deleted(self, token: str) -> DeviceError | None:
        """Delete a profile; a refusal is returned, for it may be gone all the same."""
        try:
            self._profiles.delete(token)
        except DeviceError as error:
            return error
        return None

    def _restored(self, note: Note) -> tuple[Change | None, tuple[str, ...]]:
        """Set what we set back to what it was; what somebody changed since stays."""
        now = self._encoders.of_all().get(note.encoder)
        if now is None:
            return None, ()
        back: dict[str, Value] = {}
        left = []
        for name, was in note.before.items():
            found = now.get(name)
            if found == was:
                continue
            if name in note.left and found != note.left[name]:
                left.append(sentences.changed_since(name, found))
            else:
                back[name] = was
        return (self._encoders.set(note.encoder, back) if back else None), tuple(left)
