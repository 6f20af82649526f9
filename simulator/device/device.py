"""Decides what one device is and remembers; the protocols read it and change it.

Law: a device holds no socket; whoever listens for it reads `faults` at every request.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from simulator.device import contacts, encoders, overlays
from simulator.device.certificate import Certificates
from simulator.device.clock import DeviceClock
from simulator.device.identity import Identity, invented
from simulator.device.imaging import LEVELS, factory_optics
from simulator.device.kinds import ABILITIES, Abilities, Kind
from simulator.device.ledger import Ledger
from simulator.device.network import factory_protocols
from simulator.device.personality import PERSONALITIES, AuthMode
from simulator.device.ports import MovingPicture
from simulator.device.profiles import MediaProfile, Profiles
from simulator.device.ptz import Head
from simulator.device.pull_points import PullPoints
from simulator.device.recorder import Recorder
from simulator.device.users import Users
from simulator.faults import FaultSwitches
from simulator.video.model import ProfileSpec

# Two loopback addresses on which the county never listens: what a client does with them can be watched there.
UNREACHABLE_HOST = "127.254.254.253"
REDIRECT_HOST = "127.254.254.254"
UNREACHABLE_PORT = 9


class Device:
    """One device of the county. `picture` is None for kinds without a lens of their own."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        *,
        ip: str,
        http_port: int,
        personality: str,
        username: str,
        password: str,
        auth: AuthMode | None,
        profiles: tuple[ProfileSpec, ...],
        picture: MovingPicture | None,
        parent: str | None = None,
        channel: int = 1,
        tls: bool = False,
        recordings: int | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.ip = ip
        self.http_port = http_port
        self.make = personality
        self.personality = PERSONALITIES[personality]
        self.auth = auth or self.personality.auth
        self.profiles = profiles
        self.picture = picture
        self.channel = channel
        self.identity: Identity = invented(
            parent or name, self.personality, ptz=self.abilities.ptz, recorder=kind is Kind.NVR_CHANNEL
        )
        self.certificates: Certificates | None = None
        """None for a device that speaks HTTP."""
        if tls:
            self.certificates = Certificates(self.identity.serial, key=self.personality.certificate_key)
        self.clock = DeviceClock()
        self.users = Users(username, password, lock_out=self.personality.lock_out)
        self.events = PullPoints(self.clock.now)
        self.head = Head(max_presets=self.personality.max_presets) if self.abilities.ptz else None
        self.imaging: dict[str, float] = dict.fromkeys(LEVELS, 50.0)
        self.optics = factory_optics()
        self.ir_cut_filter = "AUTO"
        self.media = Profiles(profiles, most=self.personality.most_profiles)
        self.encoders = self._factory_encoders()
        self.overlays = overlays.factory()
        self.time_mode = "Manual"
        self.time_zone = self.personality.time_zone
        self.ntp_servers: tuple[str, ...] = ()
        self.ntp_from_dhcp = False
        self.hostname = name
        self.protocols = factory_protocols(http_port or (443 if tls else 80), tls=tls)
        self.tells_http_port: int | None = None
        """Its own HTTP port where it stands behind a forwarded one."""
        self.relays = contacts.relays(self.personality.relays)
        self.inputs = contacts.inputs(self.personality.inputs)
        self.attachment: bytes | None = None
        """What the present answer carries beside its envelope (MTOM)."""
        self.received = b""
        """What the present request carried beside its envelope."""
        self.faults = FaultSwitches()
        channels = self.abilities.recordings if recordings is None else recordings
        habits = self.personality.recording
        self.recorder = Recorder(habits, channels) if channels and habits.offered else None
        if self.recorder is not None:
            self._tell_disk()
        self.ledger = Ledger()
        self.counters: Counter[str] = Counter()
        self.last_requests: deque[dict[str, Any]] = deque(maxlen=20)
        self.passages = 0
        self._stopped_tour: str | None = None
        self.in_view: frozenset[str] = frozenset()
        self.booted_at = time.time()
        self.stream_url: Callable[[str], str] = lambda token: f"rtsp://{ip}:8554/{token}"
        self.on_faults_changed: Callable[[], None] = lambda: None
        self.on_reboot: Callable[[], None] = lambda: None
        self.on_http_moved: Callable[[int | None], None] = lambda _port: None
        """The HTTP port was set to another number, or closed (None)."""

    @property
    def abilities(self) -> Abilities:
        """What its kind can do."""
        return ABILITIES[self.kind]

    @property
    def source_token(self) -> str:
        """The token of its only video source."""
        return f"VideoSource_{self.channel}"

    @property
    def source_configuration_token(self) -> str:
        """The token of its only video source configuration."""
        return f"VideoSourceConfig_{self.channel}"

    @property
    def slots(self) -> int:
        """How many pull points can be open at a time."""
        return min(2, self.personality.pull_points) if self.faults.two_slots else self.personality.pull_points

    def _factory_encoders(self) -> dict[str, encoders.EncoderState]:
        """One for each stream, and those that no profile of the factory shows."""
        spare = self.personality.spare_encoders if self.profiles else ()
        return {one.token: encoders.initial(one, codec="H264") for one in (*self.profiles, *spare)}

    def stream_of(self, configuration: str) -> str:
        """The key of an encoder by the token of its configuration. Raises StopIteration: look first."""
        return next(key for key, state in self.encoders.items() if state.token == configuration)

    def set_encoder(self, stream: str, state: encoders.EncoderState) -> None:
        """Set an encoder; every stream of it follows."""
        self.encoders[stream] = state
        for profile in self.media.showing(stream):
            self.profile_changed(profile)

    def profile_changed(self, profile: MediaProfile) -> None:
        """A profile shows another encoder, or its encoder was set: the stream of it follows."""
        if self.picture is None or self.faults.streams_stay:
            return
        if not profile.encoder:
            self.picture.end(profile.token)
            return
        self.picture.arrange(encoders.stream(self.encoders[profile.encoder], token=profile.token))

    def profile_dropped(self, profile: MediaProfile) -> None:
        """A profile is no more, and neither is its stream."""
        self.media.delete(profile.token)
        if self.picture is not None:
            self.picture.end(profile.token)

    def encoder_now(self, stream: str) -> encoders.EncoderState:
        """A stream's encoder; H.265 under the fault of that name, whatever was set."""
        state = self.encoders[stream]
        return replace(state, codec="H265", profile="Main") if self.faults.h265 else state

    def encoders_now(self) -> list[encoders.EncoderState]:
        """All encoders as they are told."""
        return [self.encoder_now(stream) for stream in self.encoders]

    def advertised(self, url: str) -> str:
        """The address as the device tells it: with a host or a port nobody reaches under that fault."""
        if self.faults.wrong_port_xaddr:
            url = re.sub(r"(?<=//)([^/:]+)(:\d+)?", rf"\1:{UNREACHABLE_PORT}", url, count=1)
        return url.replace(self.ip, UNREACHABLE_HOST, 1) if self.faults.wrong_host_xaddr else url

    def url(self, path: str) -> str:
        """The address of a service as the device tells it."""
        if self.certificates is not None and self.personality.plain_xaddrs:
            return self.advertised(f"http://{self.ip}{path}")
        usual = 80 if self.certificates is None else 443
        port = "" if self.http_port == usual else f":{self.http_port}"
        return self.advertised(f"{self.scheme}://{self.ip}{port}{path}")

    @property
    def scheme(self) -> str:
        """``https`` or ``http``: the one its port speaks."""
        return "http" if self.certificates is None else "https"

    def switch(self, patch: Mapping[str, object]) -> None:
        """Change faults; raises FaultRefused and changes nothing when the patch is wrong."""
        before, self.faults = self.faults, self.faults.changed(patch)
        if self.faults.clock_offset_s != before.clock_offset_s:
            self.clock.offset_s = float(self.faults.clock_offset_s)
        self.users.credentials_refused = self.faults.wrong_password
        if self.recorder is not None:
            self._carry_to(self.recorder, before)
        self._switch_head(before)
        self.ledger.faults(self.faults.active())
        self.on_faults_changed()

    def _carry_to(self, recorder: Recorder, before: FaultSwitches) -> None:
        """A device whose disk is full or broken does not record."""
        faults = self.faults
        if faults.recording_gap_s != before.recording_gap_s:
            recorder.set_gap(faults.recording_gap_s)
        recorder.set_recording(not faults.recording_stopped and faults.disk == "ok")
        if faults.disk != before.disk:
            self._tell_disk()

    def _tell_disk(self) -> None:
        """The state of the disk, and what the make says on top when it changes for the worse."""
        disk = self.faults.disk
        topic, item = self.personality.storage_failure
        failed = "true" if disk == "error" else "false"
        self.events.set_state(topic, source=(("Token", "disk1"),), data=((item, failed),))
        notice = dict(self.personality.disk_notices).get(disk)
        if notice is not None:
            self.events.tell(notice, source=(("HardDiskNo", "1"),), data=(), operation=None)

    def _switch_head(self, before: FaultSwitches) -> None:
        if self.head is None:
            return
        self.head.get_stuck(self.faults.stuck_head)
        self.head.come_loose(self.faults.loose_lens)
        if self.faults.tour_stopped and not before.tour_stopped:
            running = self.head.tours.running()
            self._stopped_tour = running.token if running is not None else None
            self.head.leave_tour()
        elif before.tour_stopped and not self.faults.tour_stopped and self._stopped_tour is not None:
            self.head.start_tour(self._stopped_tour)
            self._stopped_tour = None

    def kept(self) -> dict[str, object]:
        """What a backup holds."""
        return {
            "hostname": self.hostname,
            "ntp_servers": list(self.ntp_servers),
            "imaging": dict(self.imaging),
        }

    def put_back(self, kept: Mapping[str, Any]) -> None:
        """What a restore changes."""
        self.hostname = str(kept.get("hostname", self.hostname))
        self.ntp_servers = tuple(str(server) for server in kept.get("ntp_servers", ()))
        self.imaging.update({name: float(value) for name, value in kept.get("imaging", {}).items()})

    def take_firmware(self, version: str) -> None:
        """Another firmware; all settings stay (ONVIF Core 8.8.2)."""
        self.identity = replace(self.identity, firmware=version)

    def reset(self, *, hard: bool) -> None:
        """Settings as from the factory; ``hard`` takes other accounts and the certificate too."""
        self.hostname, self.ntp_servers, self.time_mode = self.name, (), "Manual"
        self.imaging, self.optics = dict.fromkeys(LEVELS, 50.0), factory_optics()
        self.ir_cut_filter, self.overlays = "AUTO", overlays.factory()
        for profile in [one for one in self.media if not one.fixed]:
            self.profile_dropped(profile)
        for stream, state in self._factory_encoders().items():
            if self.encoders[stream] != state:
                self.set_encoder(stream, state)
        if hard and self.certificates is not None:
            self.certificates.renew()
        if hard:
            for account in self.users.all()[1:]:
                self.users.delete(account.username)

    def repair_clock(self) -> None:
        """The clock was set right over ONVIF: the fault is over."""
        if self.faults.clock_offset_s:
            self.switch({"clock_offset_s": 0})
        self.clock.offset_s = 0.0

    def forget_session(self) -> None:
        """What a restart forgets: pull points, locks of accounts, counters, where the head looked."""
        self.events.close_all()
        if self.recorder is not None:
            self.recorder.end_all()
        self.users.unlock()
        self.booted_at = time.time()
        if not self.personality.keeps_counter:
            self.passages = 0
        if self.head is not None:
            self.head.restart()

    def note(self, operation: str, *, client: str, status: int) -> None:
        """Remember a request for the control port."""
        self.counters["requests"] += 1
        self.counters[f"status_{status}"] += 1
        self.last_requests.append(
            {"at": round(time.time(), 3), "client": client, "operation": operation, "status": status}
        )
