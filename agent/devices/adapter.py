"""One ONVIF device as the services see it: climbed, identified, its stream and snapshot found.

Law: one question at a time to one device, whichever thread asks; nothing is sent to a device whose
password was refused until its rest is over.
"""

from __future__ import annotations

import threading
from typing import Any

from agent.devices import reading, rtsp_sentences, sentences, soap
from agent.devices.account import Account
from agent.devices.address import AddressRefused, Endpoint, http_endpoint, rtsp_port_of, rtsp_uri
from agent.devices.analysis.choice import AnalysisChoice
from agent.devices.analysis.notes import AnalysisNotes
from agent.devices.habits import LooseLeaves
from agent.devices.key_frames import ask_key, is_known_to_refuse
from agent.devices.ladder import Known, Ladder, with_way_out
from agent.devices.limits import Limits
from agent.devices.profiles import shown
from agent.devices.session import Session, plain_question
from agent.devices.wsdl import NAMESPACES, Services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Identity, MediaProfile

_MEDIA2 = NAMESPACES["media2"]
_JPEG = b"\xff\xd8\xff"
_STREAM_SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
"""RTP inside the RTSP connection: the one transport that crosses every village switch and firewall."""


class OnvifAdapter:
    """Implements DeviceAdapter for an ONVIF device. Thread-safe."""

    def __init__(
        self,
        device: Device,
        account: Account,
        services: Services,
        *,
        limits: Limits,
        stream: Account,
        analysis: AnalysisNotes | None = None,
    ) -> None:
        """``stream`` is the same log-in at the video service, with a rest of its own: some makes keep other
        accounts there, and one that ONVIF takes goes on when the stream refuses it. ``analysis`` tells which
        profile is the box's own."""
        self.device = device
        self._choice = AnalysisChoice(analysis or AnalysisNotes(LooseLeaves()), device.id)
        self._shown = ""
        """The profile whose address was given last."""
        self._stream = stream
        self._session = Session(device, account, services, limits=limits)
        self._ladder = Ladder(self._session)
        self._lock = threading.Lock()

    def climb(self) -> Evidence:
        """Two questions; about eight on the first climb. Ends within twice ``Limits.total_s``."""
        with self._lock:
            return self._ladder.climb()

    def identity(self) -> Identity:
        """Read identity and profiles anew. Raises DeviceError."""
        with self._lock:
            return self._ladder.read().identity

    def stream_uri(self) -> str:
        """URI on the enrolled host of the stream to watch, without user name. Raises DeviceError.

        Some makes (XiongMai) put the password into the path; it stays there, for without it no stream
        comes. Redact before logging. AUTH_BACKOFF while the log-in rests that the stream refused.
        """
        self._require_stream_rested()
        with self._lock, self._session.transport.within(self._session.limits.total_s):
            return self._analysis_uri() or self._usual_uri()

    def _analysis_uri(self) -> str:
        """The address of the analysis stream; "" where there is none that works."""
        known = self._known()
        if self._choice.is_news(known.identity.profiles):
            known = self._ladder.read()
        profile = self._choice.preferred(known.identity.profiles)
        if profile is None:
            return ""
        try:
            uri = self._stream_of(known, profile)
        except DeviceError as error:
            if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                raise
            self._choice.failed()
            return ""
        self._choice.given()
        return uri

    def _usual_uri(self) -> str:
        known = self._known()
        profile = self._choice.usual(known.identity.profiles)
        if profile is None:
            raise self._session.error(DeviceTrouble.NO_STREAM, sentences.no_profiles(self._session.where))
        return self._stream_of(known, profile)

    def _stream_of(self, known: Known, profile: MediaProfile) -> str:
        try:
            uri = rtsp_uri(self._media_uri(known, profile, "GetStreamUri"), self.device)
        except AddressRefused as error:
            raise self._bad_address(error) from error
        except DeviceError:
            self._ladder.known = None
            raise
        self._session.require_own_stream(rtsp_port_of(uri))
        self._shown = profile.token
        return uri

    def profile_uri(self, token: str) -> str:
        """The address of one profile's stream, by its token. Raises DeviceError."""
        self._require_stream_rested()
        with self._lock, self._session.transport.within(self._session.limits.total_s):
            return self._stream_of(self._known(), MediaProfile(token, "", "", 0, 0, 0.0))

    def ask_key(self) -> bool:
        """See DeviceAdapter."""
        session = self._session
        account, limits = session.account, session.limits
        if not self.device.writable or not self._shown or is_known_to_refuse(account.habits):
            return False
        if not self._lock.acquire(timeout=limits.key_s / 2):
            return False
        try:
            known = self._ladder.known
            if known is None or not account.keys.takes(limits.keys_every_s):
                return False
            with session.transport.within(limits.key_s):
                ask_key(session, known.whereabouts, self._shown)
        except DeviceError:
            account.keys.failed(limits.keys_every_s)
            return False
        else:
            account.keys.succeeded()
            return True
        finally:
            self._lock.release()

    def stream_refused(self) -> None:
        """The stream refused the log-in: it rests there, and there alone."""
        self._stream.refused()

    def snapshot(self) -> bytes:
        """A JPEG of the largest profile. Raises DeviceError."""
        session = self._session
        with self._lock, session.transport.within(session.limits.total_s):
            known = self._known()
            profile = shown(known.identity.profiles)
            if profile is None:
                raise session.error(DeviceTrouble.NO_STREAM, sentences.no_profiles(session.where))
            returned = self._media_uri(known, profile, "GetSnapshotUri")
            try:
                endpoint = http_endpoint(returned, self.device)
            except AddressRefused as error:
                raise self._bad_address(error) from error
            try:
                picture = session.get(endpoint, cap_bytes=session.limits.picture_bytes).body
            except DeviceError as error:
                raise with_way_out(session, error) from error
            if not picture.startswith(_JPEG):
                detail = sentences.not_jpeg(session.where, len(picture))
                raise session.error(DeviceTrouble.BAD_ANSWER, detail)
            return picture

    def forget_failures(self) -> None:
        """Lift the rest of a refused password."""
        self._session.account.forgiven()
        self._stream.forgiven()

    def close(self) -> None:
        """Drop the connection; idempotent. Waits for no question that is on its way: it may hang."""
        self._session.close()

    def _require_stream_rested(self) -> None:
        left_s = self._stream.rest_left_s()
        if left_s > 0:
            detail = rtsp_sentences.stream_rests(self._session.where, left_s)
            raise self._session.error(DeviceTrouble.AUTH_BACKOFF, detail)

    def _known(self) -> Known:
        return self._ladder.known or self._ladder.read()

    def _media_uri(self, known: Known, profile: MediaProfile, operation: str) -> str:
        media, media2 = known.whereabouts.find("media"), known.whereabouts.find("media2")
        if media is None and media2 is None:
            detail = sentences.not_supported(self._session.where, operation)
            raise self._session.error(DeviceTrouble.NOT_SUPPORTED, detail)
        if media is not None:
            try:
                return self._media1_uri(media, profile, operation)
            except DeviceError as error:
                if media2 is None or error.kind not in (
                    DeviceTrouble.NOT_SUPPORTED,
                    DeviceTrouble.BAD_ANSWER,
                ):
                    raise
        assert media2 is not None
        return self._media2_uri(media2, profile, operation)

    def _media1_uri(self, media: Endpoint, profile: MediaProfile, operation: str) -> str:
        values: dict[str, Any] = {"ProfileToken": profile.token}
        if operation == "GetStreamUri":
            values["StreamSetup"] = _STREAM_SETUP
        answer = self._session.call("media", operation, media, **values)
        return self._given(reading.raw_text(answer, "Uri"), operation)

    def _media2_uri(self, media2: Endpoint, profile: MediaProfile, operation: str) -> str:
        content = soap.element(_MEDIA2, operation)
        if operation == "GetStreamUri":
            content.append(soap.element(_MEDIA2, "Protocol", text="RTSP"))
        content.append(soap.element(_MEDIA2, "ProfileToken", text=profile.token))
        question = plain_question(operation, media2, content, action=f"{_MEDIA2}/{operation}")
        return self._given(soap.child_text(self._session.ask(question).content, "Uri"), operation)

    def _given(self, uri: str, operation: str) -> str:
        if uri:
            return uri
        detail = sentences.broken(self._session.where, f"{operation}: no address")
        raise self._session.error(DeviceTrouble.BAD_ANSWER, detail)

    def _bad_address(self, error: AddressRefused) -> DeviceError:
        detail = sentences.bad_address(self._session.where, str(error))
        return self._session.error(DeviceTrouble.BAD_ANSWER, detail)
