"""Puts a box together: adapters into services, services onto workers. The only place that knows all rooms."""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path

from agent import marks
from agent.config import Config, DeviceSection, ObjectsSection, SearchSection
from agent.detect.for_device import detect_config, judge_for
from agent.detect.object_kinds import ModelRefused
from agent.detect.object_model import Layout, ModelSpec, ObjectDesk, ObjectModel
from agent.detect.rules import WallTime
from agent.detect.scene_judge import SceneJudge
from agent.detect.vqd.sun import daylight
from agent.devices import search_sentences
from agent.devices.limits import Limits
from agent.devices.room import OnvifRoom
from agent.devices.upkeep.password import Ending
from agent.errors import AgentError, ConfigError, StoreFull
from agent.hours import zone_named
from agent.model import Device, Evidence, Secret
from agent.outbox.courier import Courier
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.stills import StillSpool
from agent.outbox.store import Store
from agent.outbox.vault import SealedVault
from agent.ports import DeviceAdapter, Found, Ledger
from agent.services import moving_words
from agent.services.admission import MOST_DEVICES, admitted, where_met
from agent.services.clips import REACH_S, ClipDesk, ClipTimes
from agent.services.commander import Commander
from agent.services.configurator import Configurator, Setting
from agent.services.counting import Counting
from agent.services.episodes import Merging
from agent.services.found_rows import FoundRows
from agent.services.governor import Governor
from agent.services.listener import Listener
from agent.services.logins import Logins
from agent.services.mover import Mover
from agent.services.preset_rounds import PresetRounds
from agent.services.preset_truth import Truth, check
from agent.services.preset_views import PresetViews
from agent.services.prober import Prober
from agent.services.quality import QualityRounds
from agent.services.recordings import RecordingRounds
from agent.services.reference_shelf import ReferenceShelf
from agent.services.register import DeviceRegister
from agent.services.reporter import BoxFacts, Reporter
from agent.services.scene_book import SceneBook
from agent.services.tours import TourWatch
from agent.services.turns import THREADS
from agent.services.unusable import UnusableDevices
from agent.services.watcher import Watcher
from agent.video.hearings import Hearings
from agent.video.ring import RingBounds
from agent.video.room import PyavRoom, VideoConfig
from agent.video.stills import grey_of, small_still, still
from protocol.messages import BoxEvent, Command, TwinDesired
from protocol.topics import down_filters
from protocol.words import DeviceClass
from runtime.backoff import Backoff
from runtime.clock import Clock, SystemClock
from runtime.link import Link, LinkDown, LinkSettings
from runtime.monitor import Monitor
from runtime.together import together
from runtime.worker import Worker

log = logging.getLogger(__name__)

LISTEN_BASE_S, LISTEN_CEILING_S = 5.0, 30.0
"""Events must flow again within 60 s of a device's return: this pause, 8 s for a question that was on its way
to the silent device, and the making of a pull point stay below 45 s."""
EXPECTED = (AgentError, LinkDown)
STOP_S, CLOSE_S = 7.0, 4.0
"""A supervisor waits 10 s. What devices hold up is given back within the second, side by side."""
RING_SPARE_S = REACH_S + 3.0
"""What a stream keeps beyond the seconds before an event: until it is certain and its clip is asked for."""
MODEL_BYTES = 256 << 20
BINDERS = 8
"""Devices that are followed at once: each may take 4 s where the old place hangs."""


class BoxApp:
    """One running box. ``start`` returns at once; ``stop`` ends everything within some seconds."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        on_fatal: Callable[[str], None],
        limits: Limits | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._on_fatal = on_fatal
        self._lock = threading.RLock()
        self._stopping = False
        self._workers: list[Worker] = []
        self._listeners: dict[str, tuple[Listener, Worker, Backoff]] = {}
        self._known: dict[str, Device] = {}
        self._listed: dict[str, Device] = {}
        """The rows of the ledger as they were written, those too that are not under care yet."""
        self._turns: dict[str, threading.Lock] = {}
        self._taking_in = threading.Lock()
        self._binders = ThreadPoolExecutor(max_workers=BINDERS, thread_name_prefix="rebind")
        key = read_mac_key(config.centre.mac_key_file)
        objects = read_object_model(config.objects)
        data_dir = config.box.data_dir
        self.store = Store(
            data_dir / "box.db",
            box=config.box.id,
            key=key,
            clock=self._clock,
            max_rows=config.bounds.outbox_rows,
            max_bytes=config.bounds.outbox_mb * 1024**2,
            grace_s=config.bounds.grace_h * 3600.0,
        )
        self.stills = StillSpool(
            data_dir / "stills",
            box=config.box.id,
            key=key,
            clock=self._clock,
            base_url=config.centre.evidence_url,
            limit_bytes=config.bounds.spool_mb * 1024 * 1024,
            ca_file=config.centre.ca_file,
        )
        self.notebook = SqliteNotebook(data_dir / "notebook.db")
        self.register = DeviceRegister(self.notebook)
        self.devices = OnvifRoom(
            limits=limits, notebook=self.notebook, register=self.register, ledger=self._rows
        )
        self.vault = SealedVault(self.notebook, data_dir / "vault.key")
        self.logins = Logins(
            self.vault, self.notebook, settle=self._settle, use=self.rebind, clock=self._clock
        )
        self.mover = Mover(
            self.register,
            look_at=lambda host, port: self.devices.look_at(host, port),
            discover=lambda subnets: self.devices.discover(subnets),
            rebind=self._move,
            log_=self.store,
            clock=self._clock,
            subnets=config.search.subnets,
        )
        self.found_rows = FoundRows(
            self.register,
            self.notebook,
            let_go=self._let_go,
            log_=self.store,
            clock=self._clock,
            listed=frozenset(section.id for section in config.devices),
        )
        self.unusable = UnusableDevices(log_=self.store, clock=self._clock)
        times = ClipTimes(config.watch.clip_before_s, config.watch.clip_after_s)
        ring = RingBounds(times.before_s + RING_SPARE_S if times.wanted else 0.0)
        self.hearings = Hearings(self.notebook)
        self.video = PyavRoom(VideoConfig(ring=ring), clock=self._clock, hearings=self.hearings)
        self.clips = ClipDesk(
            lambda device, since_s, until_s: self.watcher.record(device, since_s, until_s),
            stills=self.stills,
            clock=self._clock,
            times=times,
        )
        self.book = SceneBook(
            log_=self.store,
            clock=self._clock,
            notebook=self.notebook,
            merging=Merging(cool_down_s=config.watch.cool_down_s),
            clips=self.clips,
        )
        self.references = ReferenceShelf(data_dir / "references")
        self.quality = QualityRounds(
            self.references,
            sight=lambda device: self.watcher.sight(device),
            picture=lambda device: self.watcher.picture(device),
            show=small_still,
            stands_at=self._stands_at,
            section=config.quality,
            clock=self._clock,
        )
        self.presets = PresetRounds(
            self._check_presets,
            section=config.quality,
            log_=self.store,
            notebook=self.notebook,
            clock=self._clock,
            new_episode=_new_episode,
        )
        self.prober = Prober(log_=self.store, clock=self._clock, watch=config.watch)
        self.watcher = Watcher(
            self.video,
            log_=self.store,
            stills=self.stills,
            show=still,
            judge_for=partial(
                self._judge_for,
                wall=wall_time(self._clock, config.box.time_zone),
                objects=objects,
            ),
            new_episode=_new_episode,
            clock=self._clock,
            watch=config.watch,
            on_change=self.prober.nudge,
            book=self.book,
        )
        self.governor = Governor(self.watcher, log_=self.store, clock=self._clock, bounds=config.bounds)
        self.prober.watcher = self.watcher
        self.prober.on_back = self._listen_again
        self.prober.heard = self._heard
        self.recordings = RecordingRounds(
            lambda device, days, stop: self.devices.recordings(device, days=days, stop=stop),
            log_=self.store,
            notebook=self.notebook,
            clock=self._clock,
        )
        self.devices.storage.on_change = self.recordings.nudge
        self.counting = Counting(
            log_=self.store,
            notebook=self.notebook,
            clock=self._clock,
            clock_error_s=self.prober.clock_error_s,
            new_episode=_new_episode,
        )
        self.tours = TourWatch(
            log_=self.store, notebook=self.notebook, clock=self._clock, new_episode=_new_episode
        )
        self.reporter = self._make_reporter()
        self.commander = Commander(
            {
                "probe": self._probe,
                "snapshot": self._snapshot,
                "recordings": self._recordings,
                "retake": self._retake,
            },
            journal=self.store,
            log_=self.store,
            clock=self._clock,
        )
        self.configurator = self._make_configurator()
        self.reporter.on_command = self.commander.accept
        self.reporter.on_desired = self._desire
        self.link = self._make_link()
        self.reporter.attach(self.link)
        self.monitor = Monitor(
            host=config.monitor.host,
            port=config.monitor.port,
            ready=self.missing,
            pages={"/sight": self.governor.report},
        )

    # --- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every worker; devices come up one by one."""
        log.info(
            "box=%s starts, outbox epoch=%s last=%d", self._config.box.id, self.store.epoch, self.store.last
        )
        self.store.append(BoxEvent(what="boot", detail=self.store.boot_reason), at=self._clock.now())
        self.commander.recover()
        self.monitor.start()
        send = self._work("send", self.reporter.send_step, Backoff(base_s=0.2, ceiling_s=5))
        self.store.on_append(send.wake)
        self.store.on_loss_told(self.prober.restate)
        self._work("receive", self.reporter.receive_step)
        self._work("upload", self.stills.upload_one, Backoff(base_s=1, ceiling_s=60))
        self._work("command", self.commander.step)
        self._work("watch", self.watcher.step)
        self._work("book", self.book.step, Backoff(base_s=1, ceiling_s=10))
        self._work("clip", self.clips.step)
        self._work("govern", self.governor.step)
        rounds = self._work("recordings", self.recordings.step, Backoff(base_s=5, ceiling_s=60))
        self.recordings.on_sooner = rounds.wake
        self._work("count", self.counting.step)
        self._work("tour", self.tours.step)
        self.references.tidy()
        self._work("presets", self.presets.step, Backoff(base_s=5, ceiling_s=60))
        self._work("hearing", self.hearings.step, Backoff(base_s=5, ceiling_s=60))
        self._work("quality", self.quality.step, Backoff(base_s=5, ceiling_s=60))
        for number in range(THREADS):
            self._work(f"probe-{number}", self.prober.step)
        self.link.start()
        with contextlib.suppress(StoreFull):
            self.found_rows.step()  # what was forgotten while the box was off
        listed = {section.id: device_of(section) for section in self._config.devices}
        found = {row.id: row for row in remembered(self.store, self.register, self._config.search)}
        self._listed = {**found, **listed}
        rows = list(listed.values())
        for device in found.values():
            if device.id not in listed:
                self.found_rows.add(device.id)
                rows.append(device)
        for row in rows:  # all are known before the first is asked: none may be taken for another
            self.mover.add(row, configured=(row.host, row.port))
        for row in rows:
            self._enlist(row)
        self._work("found", self.found_rows.step, Backoff(base_s=5, ceiling_s=60))
        self._work("logins", self.logins.step)
        mover = self._work("move", self.mover.step)
        self.mover.wake = mover.wake
        if self._config.search.subnets:
            self._work("search", self._search)

    def stop(self) -> None:
        """Stop in the order in which things depend on each other: eyes, then voice, then memory."""
        log.info("box=%s stops", self._config.box.id)
        ends_s = time.monotonic() + STOP_S
        with self._lock:
            self._stopping = True
            workers, self._workers = self._workers, []
        for worker in workers:
            if worker.name not in ("send", "receive"):
                worker.ask_to_stop()
        self.recordings.close()
        self.mover.close()
        listeners = [each for each, *_ in self._listeners.values()]
        endings: list[Callable[[], object]] = [self._end_following, self.watcher.close, self.tours.close]
        together("close", [*endings, *(each.close for each in listeners)], within_s=CLOSE_S)
        self.clips.close()
        self.book.close()
        with contextlib.suppress(StoreFull):
            self.hearings.step()
        self.reporter.say_goodbye()
        for worker in workers:
            worker.stop(max(0.1, ends_s - time.monotonic()))
        self.link.stop()
        self.prober.close()
        self.counting.close()
        self.stills.close()
        self.monitor.stop()
        self.store.close()
        self.notebook.close()

    def missing(self) -> list[str]:
        """What keeps the box from being ready, one line each."""
        lines = [] if self.link.connected else ["未连上平台 / broker: not connected"]
        lines += [f"worker {worker.name}: not running" for worker in self._workers if not worker.alive]
        return lines

    # --- devices -------------------------------------------------------------------------------

    def add_device(self, device: Device) -> None:
        """Take a device under care: ladder, own events, stream. Not when the box stops: none would end it."""
        with self._lock:
            if self._stopping or device.id in self._known:
                return
            self._known[device.id] = device
            adapter = self.devices.open(device)
            if not device.is_conference:
                self.watcher.add(device, adapter)
            self.prober.add(device, adapter)
            self.recordings.add(device)
            if not device.is_conference and device.stream_path is None:
                self.counting.add(device)
                self.tours.add(device, self.devices.watch_head)
                self.presets.add(device)
                self._listen(device)

    def _judge_for(self, device: Device, *, wall: WallTime, objects: ObjectDesk | None) -> SceneJudge:
        """Detection for a device's stream, from what is stored of its views on."""
        quality = self._config.quality
        config = detect_config(device.device_class, supplementary_light=device.supplementary_light)
        picture = replace(
            config.picture, round_s=quality.round_min * 60.0, slow_s=quality.slow_confirm_h * 3600.0
        )
        judge = judge_for(
            device,
            wall=wall,
            objects=objects,
            daylight=self._daylight,
            config=replace(config, picture=picture),
        )
        self.quality.adopt(device, judge)
        return judge

    def _daylight(self) -> bool | None:
        box = self._config.box
        return daylight(self._clock.now(), latitude=box.latitude, longitude=box.longitude)

    def _stands_at(self, device: Device) -> str | None:
        with contextlib.closing(self.devices.preset_head(device)) as head:
            return head.stands_at()

    def _check_presets(self, device: Device) -> Truth:
        """Turn a head to a preset and back; what it showed at presets without a stored view is stored."""
        shown = partial(grey_of, masks=device.privacy_masks)
        views = PresetViews(self.references, device, shown=shown, show=small_still)
        with contextlib.closing(self.devices.preset_head(device)) as head:
            truth = check(head, views.of, shown=shown)
        views.keep(truth, daylight=self._daylight(), now=self._clock.now())
        return truth

    def _listen(self, device: Device) -> None:
        listener = Listener(
            device,
            self.devices.subscribe(device),
            log_=self.store,
            clock=self._clock,
            new_episode=_new_episode,
            take_still=self.watcher.take_still,
            notebook=self.notebook,
            hear=self.counting.hear,
            book=self.book,
        )
        backoff = Backoff(base_s=LISTEN_BASE_S, ceiling_s=LISTEN_CEILING_S)
        worker = self._work(f"listen-{device.id}", listener.step, backoff)
        self._listeners[device.id] = listener, worker, backoff

    def _listen_again(self, device: str) -> None:
        """The ladder says the device is back: its listener's pause ends now."""
        held = self._listeners.get(device)
        if held is not None:
            held[1].wake()

    def rebind(self, device: Device) -> None:
        """A known device has another address or log-in: whatever speaks to it does so there from now on.

        The ladder does at once. What has to be ended at the old place first, and may hang there, follows on a
        thread of its own, outside the lock of the box.
        """
        with self._lock:
            known = self._known.get(device.id)
            if self._stopping or known is None:
                return
            self._known[device.id] = device
            if (known.host, known.port) != (device.host, device.port):
                self.devices.rebound(device)
            self.mover.replace(device)
            self.logins.replace(device)
            adapter = self.devices.open(device)
            self.recordings.rebind(device)
            turn = self._turns.setdefault(device.id, threading.Lock())
            self._binders.submit(self._follow, device, adapter, turn)
        self.prober.rebind(device, adapter)

    def remove_device(self, name: str) -> Device | None:
        """Take a device out of care: nothing speaks to it any more. What it holds open is given back, within
        ``CLOSE_S`` where it hangs. Returns the device, None without one. Raises StoreFull, at the end."""
        with self._lock:
            device = self._known.pop(name, None)
            self._turns.pop(name, None)
            listener, worker, _ = self._listeners.pop(name, (None, None, None))
            self._workers = [one for one in self._workers if one is not worker]
        self.prober.remove(name)
        self.recordings.remove(name)
        endings: list[Callable[[], object]] = [
            lambda: self.watcher.remove(name),
            lambda: self.tours.remove(name),
        ]
        if listener is not None and worker is not None:
            worker.ask_to_stop()
            endings.append(listener.close)
        together("let-go", endings, within_s=CLOSE_S)
        if worker is not None:
            worker.stop(CLOSE_S)
        self.hearings.drop(name)
        self.counting.remove(name)
        self.devices.forget(name)
        self.mover.remove(name)
        self.logins.remove(name)
        self.presets.remove(name)
        self.quality.remove(name)
        return device

    def _let_go(self, name: str) -> Device | None:
        """Take a row that discovery made out of store, care and register; a search may find it anew."""
        with self._taking_in:
            self.store.forget_device(name)
            self._listed.pop(name, None)
            device = self.remove_device(name)
            self.register.parted(name)
        return device

    def _heard(self, device: str, evidence: Evidence) -> bool:
        self.found_rows.heard(device, evidence)
        return self.mover.heard(device, evidence)

    def _follow(self, device: Device, adapter: DeviceAdapter, turn: threading.Lock) -> None:
        """Bind what is slow to where a device is now. In turn: of two for one device the last one counts."""
        with turn:
            with self._lock:
                if self._known.get(device.id) is not device:
                    return
                held = self._listeners.get(device.id)
            try:
                self.tours.rebind(device)
                self.presets.rebind(device)
                if not device.is_conference:
                    self.watcher.rebind(device, adapter)
                if held is not None:
                    listener, worker, backoff = held
                    listener.rebind(device, self.devices.subscribe(device))
                    backoff.reset()
                    worker.wake()
            except Exception:
                log.exception("device=%s could not be followed to %s:%d", device.id, device.host, device.port)

    def _end_following(self) -> None:
        self._binders.shutdown(cancel_futures=True)

    def _move(self, device: str, host: str, port: int) -> None:
        with self._lock:
            known = self._known.get(device)
        if known is None:
            return
        found = self.store.remembered_devices().get(device)
        if found is not None:
            found = json.dumps({**json.loads(found), "host": host, "port": port})
            self.store.remember_device(device, found)
            self.register.remember_found(device, found)
        self.rebind(replace(known, host=host, port=port))

    def _rows(self) -> Sequence[Device]:
        """Every row of the ledger, where it is now."""
        known = self._known.copy()
        waiting = [row for name, row in self._listed.copy().items() if name not in known]
        return [*known.values(), *(where_it_is(row, self.register) for row in waiting)]

    def _enlist(self, device: Device) -> None:
        """Take a row of the ledger under care, where it was last, with the log-in that counts."""
        configured = device.host, device.port
        device = where_it_is(device, self.register)
        self.mover.add(device, configured=configured)
        self.logins.entrust(device, self.add_device)

    def _settle(self, device: Device) -> bool:
        return self.devices.password_change(self.vault).recover(device) is not Ending.OPEN

    def _search(self) -> float:
        """Devices nobody has listed are taken in; those of the ledger that are elsewhere are followed."""
        search = self._config.search
        announced = [
            found
            for found in self.devices.discover(search.subnets)
            if moving_words.within(found.host, search.subnets)
        ]
        hosts = self._hosts()
        heard = frozenset(found.host for found in announced)
        shut = self.devices.shut(found for found in announced if found.host not in hosts)
        leave = hosts | (heard - shut)
        knocked = self.devices.knock(search.subnets, leave=leave, unusable=self.unusable.tell)
        inside = where_met(announced, knocked, shut=shut)
        self.mover.found(inside)
        self.found_rows.announced(inside)
        with self._taking_in:
            hosts |= self._hosts()
            room = min(MOST_DEVICES - len(self._known), self.found_rows.room)
            admission = admitted(inside, self.register.ledger(), hosts=hosts, room=room)
            for found, name in admission.taken:
                self._take_in(found, name)
        for host, count in admission.dropped.items():
            self.mover.tell_dropped(host, count)
        return search.interval_s

    def _hosts(self) -> frozenset[str]:
        with self._lock:
            return frozenset(device.host for device in self._known.values())

    def _take_in(self, found: Found, name: str) -> None:
        """Remember what was found and take it under care."""
        port = found.port or self._config.search.port
        document = {
            "reference": found.endpoint_reference,
            "host": found.host,
            "port": port,
            "tls": found.tls,
        }
        device = found_device(name, host=found.host, port=port, tls=found.tls, search=self._config.search)
        log.info("device=%s found at %s:%d %s", device.id, found.host, port, found.hardware)
        self.store.remember_device(device.id, json.dumps(document))
        self.register.seed(device.id, moving_words.marks_of(found))
        self.register.remember_found(device.id, json.dumps(document))
        self.found_rows.add(device.id, new=True)
        self.store.append(BoxEvent(what="device_found", detail=_found_line(found)), at=self._clock.now())
        self._enlist(device)

    # --- orders --------------------------------------------------------------------------------

    def _probe(self, command: Command) -> str:
        """Look now. A refused password rests on: whoever presses often would lock the camera."""
        device = command.device or ""
        if not self.prober.nudge(device):
            raise ConfigError(device, ["本边缘盒没有这个设备 / no such device on this box"])
        return f"{device} is probed again"

    def _snapshot(self, command: Command) -> str:
        digest = self.watcher.take_still(command.device or "")
        if digest is None:
            raise ConfigError(command.device or "", ["没有新画面 / no fresh picture"])
        return f"sha256:{digest}"

    def _recordings(self, command: Command) -> str:
        device = command.device or ""
        if not self.recordings.ask_now(device):
            raise ConfigError(device, ["没有可查询录像的这个设备 / it has no recordings to ask for"])
        return f"{device} is asked for its recordings"

    def _retake(self, command: Command) -> str:
        """The view changed with good reason: learn it anew."""
        count = self.quality.retake(command.device or "")
        if count is None:
            raise ConfigError(
                command.device or "", ["没有观看这个设备的画面 / no picture of this device is watched"]
            )
        return f"{count} stored views of {command.device} are taken anew"

    def _desire(self, desired: TwinDesired) -> None:
        if self.configurator.desire(desired):
            self._report_twin()

    def _report_twin(self) -> None:
        try:
            self.reporter.report_twin(self.configurator.reported)
        except LinkDown:
            log.info("twin not reported: no link; it is at the next connection")

    # --- making --------------------------------------------------------------------------------

    def _work(self, name: str, step: Callable[[], float], backoff: Backoff | None = None) -> Worker:
        worker = Worker(name, step, expected=EXPECTED, on_fatal=self._on_fatal, backoff=backoff)
        with self._lock:
            self._workers.append(worker)
        worker.start()
        return worker

    def _make_reporter(self) -> Reporter:
        box = self._config.box
        return Reporter(
            BoxFacts(box.id, box.title, box.civil_code, version("outpost"), self.store.boot_reason),
            outbox=self.store,
            courier=Courier(upto=self.store.upto),
            clock=self._clock,
            gauges=self.prober.gauges,
            heartbeat_s=self._config.watch.heartbeat_s,
            canary_s=self._config.watch.canary_s,
        )

    def _make_configurator(self) -> Configurator:
        interval = Setting(5, 3600, self._config.watch.ladder_interval_s, self.prober.set_interval)
        return Configurator(
            {"ladder_interval_s": interval}, software=version("outpost"), log_=self.store, clock=self._clock
        )

    def _make_link(self) -> Link:
        centre = self._config.centre
        settings = LinkSettings(
            host=centre.host,
            port=centre.port,
            ca_file=centre.ca_file,
            cert_file=centre.cert_file,
            key_file=centre.key_file,
            keepalive_s=centre.keepalive_s,
        )
        return Link(
            settings,
            client_id=self._config.box.id,
            filters=[(text, 1) for text in down_filters(self._config.box.id)],
            will=self.reporter.will,
            on_connected=self._connected,
        )

    def _connected(self) -> None:
        self.reporter.announce()
        self._report_twin()


def read_object_model(section: ObjectsSection) -> ObjectDesk | None:
    """The configured object model, loaded; None when there is none. Raises ConfigError naming the file."""
    path = section.model_file
    if path is None:
        return None
    try:
        if path.stat().st_size > MODEL_BYTES:
            raise ConfigError(
                str(path),
                [f"模型文件超过 {MODEL_BYTES >> 20} MiB / the model is larger than {MODEL_BYTES >> 20} MiB"],
            )
        onnx = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), [f"无法读取模型 / the model cannot be read: {error}"]) from error
    spec = ModelSpec(
        sha256=section.sha256 or "",
        classes=section.classes,
        width_px=section.width_px,
        height_px=section.height_px,
        layout=Layout(section.layout),
        least_score=section.least_score,
    )
    try:
        return ObjectDesk(ObjectModel(onnx, spec), runs_per_s=section.runs_per_s)
    except ModelRefused as error:
        raise ConfigError(str(path), [str(error)]) from error


def wall_time(clock: Clock, time_zone: str) -> WallTime:
    """Which time of day frames have, by this clock, in the box's time zone."""
    return WallTime(
        lambda mono_s: clock.now() - timedelta(seconds=clock.monotonic() - mono_s), zone_named(time_zone)
    )


def read_mac_key(path: Path) -> bytes:
    """The box's entry key: 32 bytes in base64. Raises ConfigError that names the file."""
    try:
        key = base64.b64decode(path.read_text("ascii").strip(), validate=True)
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        raise ConfigError(str(path), [f"无法读取密钥 / entry key cannot be read: {error}"]) from error
    if len(key) != 32:
        raise ConfigError(str(path), [f"密钥长度不对 / entry key has {len(key)} bytes, not 32"])
    return key


def read_password(path: Path | None, *, device: str) -> Secret:
    """A device's password. Raises ConfigError that names file and device."""
    if path is None:
        return Secret("")
    try:
        return Secret(path.read_text("utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), [f"无法读取口令 / password of {device} cannot be read: {error}"]
        ) from error


def device_of(section: DeviceSection) -> Device:
    """A ledger row from the configuration. Raises ConfigError when its password cannot be read."""
    return Device(
        id=section.id,
        device_class=section.device_class,
        host=section.host,
        port=section.port,
        title=section.title,
        gb_code=section.gb_code,
        username=section.username,
        password=read_password(section.password_file, device=section.id),
        zones=tuple(zone.zone() for zone in section.zones),
        rtsp_port=section.rtsp_port,
        sip_port=section.sip_port,
        sip_user=section.sip_user,
        sip_registrar=section.sip_registrar,
        stream_path=section.stream_path,
        rtsp_basic=section.rtsp_basic,
        tls=section.tls,
        port_forwarded=section.port_forwarded,
        supplementary_light=section.supplementary_light,
    )


def found_device(name: str, *, host: str, port: int, search: SearchSection, tls: bool = False) -> Device:
    """A ledger row for what discovery found, under the id its marks gave it. Nobody said what it is: it may
    be the police's, so nothing is written to it until a row of the configuration gives it a class."""
    return Device(
        id=name,
        classified=False,
        device_class=DeviceClass.SMART_CAMERA,
        host=host,
        port=port,
        tls=tls,
        username=search.username,
        password=read_password(search.password_file, device=name),
    )


def remembered(ledger: Ledger, register: DeviceRegister, search: SearchSection) -> Sequence[Device]:
    """The rows discovery made before. A document of an older version tells an endpoint reference alone: it is
    the first mark of its device. One that cannot be read is passed over, and its device is found anew."""
    documents = ledger.remembered_devices()
    rows = found_rows(documents, search)
    for row in rows:
        register.seed(row.id, marks.made(reference=str(json.loads(documents[row.id]).get("reference", ""))))
        register.remember_found(row.id, documents[row.id])
    return rows


def found_rows(documents: Mapping[str, str], search: SearchSection) -> Sequence[Device]:
    """The rows of the documents discovery wrote, by id; what cannot be read is passed over."""
    rows = []
    for name, document in documents.items():
        try:
            told = json.loads(document)
            host, port = str(ipaddress.ip_address(str(told["host"]))), int(told["port"])
        except (ValueError, KeyError, TypeError) as error:
            log.warning("device=%s what was remembered cannot be read: %s", name, error)
            continue
        tls = told.get("tls") is True
        rows.append(found_device(name, host=host, port=port, tls=tls, search=search))
    return rows


def where_it_is(device: Device, register: DeviceRegister) -> Device:
    """The device at the address to which it moved; where the ledger was given another since, that counts."""
    place = register.place_of(device.id)
    if place is None or (place.from_host, place.from_port) != (device.host, device.port):
        return device
    return replace(device, host=place.host, port=place.port)


def _found_line(found: Found) -> str:
    suggested = found.suggested_class
    hint = f" {search_sentences.suggests(suggested)}" if suggested is not None else ""
    return f"{found.host}:{found.port} {found.hardware} {found.title}"[: 200 - len(hint)] + hint


def _new_episode() -> str:
    return secrets.token_hex(8)
