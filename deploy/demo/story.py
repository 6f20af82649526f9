"""The story: what is done to the county, what must follow, and what really followed.

Law: a step says what it expects before it acts. It waits with a deadline for each stage (written down by
the box, incident, page, case system), mends what it broke, and waits for the recovery in the same way.
Steps touch different devices, so they run side by side and cannot explain each other's entries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.county import County
from deploy.demo.doors import DoorClosed, DoorRefused
from deploy.demo.places import VILLAGES, Village
from deploy.demo.witness import Arrival, FeedEntry, LogEntry, Witness, unix_s

STAGE_S: Final = 30.0
"""A stage that takes longer counts as missing."""
PAGE_POLL_S: Final = 0.05

OPENED: Final = "outpost.incident.opened.v1"
CHANGED: Final = "outpost.incident.changed.v1"
RECOVERED: Final = "outpost.incident.recovered.v1"
VERDICT: Final = "outpost.device.verdict.v1"
BOX_STATE: Final = "outpost.box.state.v1"


@dataclass(frozen=True, slots=True)
class Expected:
    """Feed entries that a step explains: how many of them, at least and at most."""

    what: str
    type: str
    box: str
    device: str | None = None
    category: str | None = None
    fits: dict[str, Any] = field(default_factory=dict)
    """Fields of the entry's data that must be equal."""
    least: int = 1
    most: int = 1

    def explains(self, entry: FeedEntry) -> bool:
        """Whether the entry is one of these."""
        return (
            entry.type == self.type
            and entry.box == self.box
            and (self.category is None or entry.data.get("category") == self.category)
            and entry.device == self.device
            and all(entry.data.get(name) == value for name, value in self.fits.items())
        )


@dataclass(slots=True)
class Record:
    """What became of one step. Times are unix seconds; None: not (yet) seen."""

    number: int
    zh: str
    en: str
    where: str
    category: str
    happened_s: float | None = None
    confirmed_s: float | None = None
    """The box wrote it down (for a cut line: the centre made up its mind)."""
    opened_s: float | None = None
    api_s: float | None = None
    page_s: float | None = None
    desk_s: float | None = None
    case_no: str = ""
    mended_s: float | None = None
    recovered_s: float | None = None
    recovered_desk_s: float | None = None
    problems: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.problems)


Act = Callable[["Stage", "Step"], float]
Performance = Callable[["Stage", "Step", Record], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story, as data. ``device`` None: it is about the box itself."""

    zh: str
    en: str
    village: Village
    device: str | None
    category: str
    after_s: float
    """When it begins, in seconds of the story."""
    act: Act
    """Does it; returns the moment it happened."""
    confirms: Callable[[LogEntry], bool] | None
    """The box's entry that writes it down; None: the centre sees it by itself."""
    mend: Act
    expects: tuple[Expected, ...]
    ends: Expected | None
    """The feed entry that says it is over."""
    in_the_dark: bool = False
    """It happens while the line is cut: the centre hears of it later, and its latencies count for nothing."""
    performs: Performance | None = None
    """How it is played, when not like the others."""

    @property
    def subject(self) -> str | None:
        return f"{self.village.name}-{self.device}" if self.device is not None else None

    @property
    def where(self) -> str:
        if self.device is None:
            return self.village.title
        title = next(d.title for d in self.village.devices if d.name == self.device)
        return f"{self.village.title} {title}"


class StepFailed(RuntimeError):
    """A stage did not come; the text says which."""


class Stage:
    """What a step needs: the county, the witness, the page."""

    def __init__(self, county: County, witness: Witness) -> None:
        self.county = county
        self.witness = witness
        self._cookie = ""
        self._lock = threading.Lock()

    def fault(self, device: str, switches: dict[str, Any]) -> float:
        """Set fault switches; returns when they took effect."""
        self.county.control.send("PATCH", f"/devices/{device}/faults", switches)
        return time.time()

    def play(self, device: str, action: str) -> float:
        """Play an action; returns when the mover comes into view."""
        told = self.county.control.send("POST", f"/devices/{device}/play", {"action": action})
        return float(told["starts_at"])

    def wait_page(self, case_no: str) -> float:
        """When the county's page of incidents shows this case. Raises StepFailed."""
        deadline = time.monotonic() + STAGE_S
        while time.monotonic() < deadline:
            try:
                if case_no in self.county.web.page("/incidents", cookie=self._session()):
                    return time.time()
            except (DoorClosed, DoorRefused):
                self._cookie = ""
            time.sleep(PAGE_POLL_S)
        raise StepFailed(f"页面 / page: {case_no} 未显示 / not shown within {STAGE_S:.0f} s")

    def sign_in(self) -> None:
        """The duty officer sits down before anything happens."""
        self._session()

    def _session(self) -> str:
        with self._lock:
            if not self._cookie:
                self._cookie = self.county.web.sign_in("duty", self.county.passwords["duty"])
            return self._cookie

    def act(self, incident: str, action: str, body: dict[str, str]) -> None:
        """The duty officer takes a step of the incident loop, as the version stands now."""
        web, cookie = self.county.web, {"Cookie": self._session()}
        version = self.county.api.get(f"/v1/incidents/{incident}")["version"]
        headers = {**cookie, "If-Match": f'"{version}"', "Idempotency-Key": f"{incident}-{action}"}
        web.send("POST", f"/v1/incidents/{incident}/actions/{action}", body, headers)


class Player:
    """Plays the steps, each on a thread of its own; ``records`` may be read at any time."""

    def __init__(self, stage: Stage, steps: tuple[Step, ...]) -> None:
        self._stage = stage
        self.steps = steps
        self.records = [
            Record(number, step.zh, step.en, step.where, step.category)
            for number, step in enumerate(steps, 1)
        ]
        self._threads = [
            threading.Thread(target=self._play, args=pair, name=f"step-{pair[0].category}", daemon=True)
            for pair in zip(steps, self.records, strict=True)
        ]
        self._stopping = threading.Event()
        self.began_s = 0.0

    def start(self) -> None:
        self.began_s = time.time()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no further step; steps under way end at their next deadline."""
        self._stopping.set()

    @property
    def over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def join(self, within_s: float) -> bool:
        """Wait for all steps; False when one is still under way."""
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return self.over

    def _play(self, step: Step, record: Record) -> None:
        if self._stopping.wait(step.after_s):
            return
        try:
            (step.performs or break_and_mend)(self._stage, step, record)
        except (StepFailed, DoorClosed, DoorRefused) as error:
            record.problems.append(str(error))
        record.done = True


def break_and_mend(stage: Stage, step: Step, record: Record) -> None:
    """Do it, follow it through every stage, mend it, follow the recovery. Raises StepFailed."""
    witness, began_s = stage.witness, time.time()
    record.happened_s = step.act(stage, step)
    if step.confirms is not None:
        record.confirmed_s = _wait_log(stage, step.confirms, began_s).recorded_s
    opened = _wait_feed(witness, _opened(step), began_s)
    record.opened_s = unix_s(opened.data["opened_at"])
    record.confirmed_s = record.confirmed_s or record.opened_s
    record.api_s, record.case_no = opened.seen_s, opened.data["case_no"]
    record.desk_s = _wait_desk(witness, opened).at_s
    record.page_s = stage.wait_page(record.case_no)
    began_s = time.time()
    record.mended_s = step.mend(stage, step)
    if step.ends is not None:
        ended = _wait_feed(witness, step.ends, began_s)
        record.recovered_s = ended.at_s
        record.recovered_desk_s = _wait_desk(witness, ended).at_s


def _wait_log(stage: Stage, fits: Callable[[LogEntry], bool], since_s: float) -> LogEntry:
    entry = stage.witness.wait_log(lambda e: e.recorded_s >= since_s and fits(e), within_s=STAGE_S)
    if entry is None:
        raise StepFailed("边缘盒没有写下 / not written down by the box")
    return entry


def _wait_feed(witness: Witness, expected: Expected, since_s: float) -> FeedEntry:
    found = witness.wait_feed(
        lambda entry: entry.at_s >= since_s - 0.01 and expected.explains(entry), within_s=STAGE_S
    )
    if found is None:
        raise StepFailed(f"没有 / missing: {expected.what}")
    return found


def _wait_desk(witness: Witness, entry: FeedEntry) -> Arrival:
    found = witness.wait_arrival(entry, within_s=STAGE_S)
    if found is None:
        raise StepFailed(f"事项系统没有收到 / the case system did not receive {entry.type}")
    return found


def _opened(step: Step) -> Expected:
    return next(e for e in step.expects if e.type == OPENED and e.category == step.category)


# --- what the steps are --------------------------------------------------------------------------


def health_entry(device: str, *reasons: str) -> Callable[[LogEntry], bool]:
    """A health entry of this device with one of these reasons."""
    return lambda entry: (
        entry.kind == "device.health" and entry.subject == device and entry.data.get("reason") in reasons
    )


def intrusion_entry(device: str) -> Callable[[LogEntry], bool]:
    """The start of somebody being inside a closed zone."""
    return lambda entry: (
        entry.kind == "scene"
        and entry.subject == device
        and entry.data.get("phase") == "start"
        and str(entry.data.get("topic", "")).endswith("ObjectsInside")
    )


def clock_entry(device: str) -> Callable[[LogEntry], bool]:
    """A health entry that tells of a clock more than ten seconds off."""
    return lambda entry: (
        entry.kind == "device.health"
        and entry.subject == device
        and abs(entry.data.get("clock_error_ms") or 0) > 10_000
    )


def incident(step_box: str, device: str | None, category: str, *, accepted: bool) -> tuple[Expected, ...]:
    """Opened once; maintenance is accepted by the machine at once."""
    opened = Expected(f"{category} 立项 / opened", OPENED, step_box, device, category)
    if not accepted:
        return (opened,)
    return (
        opened,
        Expected(f"{category} 受理 / accepted", CHANGED, step_box, device, category, {"action": "accept"}),
    )


def recovered(step_box: str, device: str | None, category: str) -> Expected:
    return Expected(f"{category} 恢复 / recovered", RECOVERED, step_box, device, category)


def verdict(box: str, device: str, verdict_: str, reason: str | None = None, **counts: int) -> Expected:
    """A device's verdict in the feed."""
    fits: dict[str, Any] = {"verdict": verdict_, **({"reason": reason} if reason is not None else {})}
    return Expected(f"{device} {verdict_} {reason or ''}".strip(), VERDICT, box, device, None, fits, **counts)


def fault_step(
    zh: str,
    en: str,
    village: Village,
    device: str,
    *,
    after_s: float,
    switches: dict[str, Any],
    off: dict[str, Any],
    category: str,
    confirms: Callable[[LogEntry], bool],
    verdicts: tuple[Expected, ...],
) -> Step:
    """A device fault: switched on, seen, switched off, recovered."""
    subject = f"{village.name}-{device}"
    over = recovered(village.box, subject, category)
    return Step(
        zh=zh,
        en=en,
        village=village,
        device=device,
        category=category,
        after_s=after_s,
        act=lambda stage, _step: stage.fault(subject, switches),
        confirms=confirms,
        mend=lambda stage, _step: stage.fault(subject, off),
        expects=(*incident(village.box, subject, category, accepted=True), over, *verdicts),
        ends=over,
    )


REHEARSED: Final = {"sizhi-yard": "covered"}
"""Device and picture fault that the story shows: rendered beforehand, so that the cover is put on in time."""


def story() -> tuple[Step, ...]:
    """The five matters of the story, and what happens in the dark."""
    first, second, third = VILLAGES
    return (
        _intrusion(first, after_s=1.0),
        _covered(first, "yard", after_s=4.0),
        _unplugged(second, "yard", after_s=2.0),
        *_cut_off(third, after_s=0.0),
        _clock_wrong(second, "square", after_s=5.0),
    )


def _intrusion(village: Village, *, after_s: float, in_the_dark: bool = False) -> Step:
    device = f"{village.name}-gate"
    box = village.box
    accepted = Expected("2001 受理 / accepted", CHANGED, box, device, "2001", {"action": "accept"})
    assigned = Expected("2001 交办 / assigned", CHANGED, box, device, "2001", {"action": "assign"})
    return Step(
        zh="断网期间有人进入大门（补报）" if in_the_dark else "有人进入大门（疑似）",
        en="intrusion while cut off, told later" if in_the_dark else "intrusion at a gate (suspected)",
        village=village,
        device="gate",
        category="2001",
        after_s=after_s,
        act=lambda stage, _step: stage.play(device, "intruder"),
        confirms=intrusion_entry(device),
        mend=_desk_takes_over,
        expects=(*incident(box, device, "2001", accepted=False), accepted, assigned),
        ends=assigned,
        in_the_dark=in_the_dark,
    )


def _desk_takes_over(stage: Stage, step: Step) -> float:
    """A suspected matter waits for a person: the duty officer accepts it and hands it to the village."""
    began_s = time.time()
    opened = _wait_feed(stage.witness, _opened(step), 0.0)
    stage.act(opened.data["incident"], "accept", {"text": "值班员已看图核实"})
    stage.act(opened.data["incident"], "assign", {"unit": f"{step.village.title}网格长"})
    return began_s


def _covered(village: Village, device: str, *, after_s: float) -> Step:
    subject, box = f"{village.name}-{device}", village.box
    return fault_step(
        "镜头被遮挡", "lens covered", village, device,
        after_s=after_s,
        switches={"covered": True},
        off={"covered": False},
        category="1005",
        confirms=health_entry(subject, "picture_covered"),
        verdicts=(verdict(box, subject, "degraded", "picture_covered"), verdict(box, subject, "ok")),
    )  # fmt: skip


def _unplugged(village: Village, device: str, *, after_s: float) -> Step:
    subject, box = f"{village.name}-{device}", village.box
    return fault_step(
        "摄像机断电", "camera unplugged", village, device,
        after_s=after_s,
        switches={"unplugged": True},
        off={"unplugged": False},
        category="1003",
        confirms=health_entry(subject, "unreachable", "no_stream"),
        verdicts=(
            # whether the stream is missed before the ladder fails, and whether the ladder is climbed again
            # before the stream is back, is a matter of half a second: both are the truth of their moment
            verdict(box, subject, "down", "unreachable"),
            verdict(box, subject, "down", "no_stream", least=0, most=2),
            verdict(box, subject, "ok"),
        ),
    )  # fmt: skip


def _clock_wrong(village: Village, device: str, *, after_s: float) -> Step:
    subject = f"{village.name}-{device}"
    return fault_step(
        "设备时钟偏差 5 分钟", "clock five minutes wrong", village, device,
        after_s=after_s,
        switches={"clock_offset_s": 300},
        off={"clock_offset_s": 0},
        category="1007",
        confirms=clock_entry(subject),
        verdicts=(),
    )  # fmt: skip


def _cut_off(village: Village, *, after_s: float) -> Iterator[Step]:
    """The line is cut. In the dark somebody walks through the gate and a camera fails and is mended; then
    the line comes back, and what the box wrote down meanwhile is told."""
    box = village.box
    devices = [village.device_id(device) for device in village.devices]
    over = recovered(box, None, "1001")
    yield Step(
        zh="村级断网又恢复",
        en="village cut off and back",
        village=village,
        device=None,
        category="1001",
        after_s=after_s,
        act=_cut,
        confirms=None,
        mend=_join_when_told,
        expects=(
            *incident(box, None, "1001", accepted=True),
            Expected("边缘盒离线 / box offline", BOX_STATE, box, None, None, {"verdict": "down"}),
            Expected("边缘盒恢复 / box back", BOX_STATE, box, None, None, {"verdict": "ok"}),
            over,
            *(verdict(box, device, "unknown", "parent") for device in devices),
            *(verdict(box, device, "ok") for device in devices),
        ),
        ends=over,
    )
    yield _intrusion(village, after_s=after_s + 1.0, in_the_dark=True)
    yield Step(
        zh="断网期间摄像机断电又恢复（补记）",
        en="camera off and on while cut off: filled in, no incident",
        village=village,
        device="street",
        category="",
        after_s=after_s + 1.0,
        act=lambda stage, step: stage.fault(str(step.subject), {"unplugged": True}),
        confirms=health_entry(f"{village.name}-street", "unreachable", "no_stream"),
        mend=lambda stage, step: stage.fault(str(step.subject), {"unplugged": False}),
        expects=(),
        ends=None,
        in_the_dark=True,
        performs=_fail_in_the_dark,
    )


def _cut(stage: Stage, step: Step) -> float:
    stage.county.lines[step.village.box].cut()
    return time.time()


def _join_when_told(stage: Stage, step: Step) -> float:
    """Leave the village in the dark until its box has written down all that happens there."""
    name = step.village.name
    stage.witness.wait_log(intrusion_entry(f"{name}-gate"), within_s=STAGE_S)
    stage.witness.wait_log(_healthy_again(f"{name}-street", stage.witness), within_s=STAGE_S)
    stage.county.lines[step.village.box].join()
    return time.time()


def _healthy_again(device: str, witness: Witness) -> Callable[[LogEntry], bool]:
    """A healthy entry that follows an ailing one."""

    def fits(entry: LogEntry) -> bool:
        if not health_entry(device, "ok")(entry):
            return False
        ailing = health_entry(device, "unreachable", "no_stream")
        return any(ailing(other) and other.sequence < entry.sequence for other in witness.log)

    return fits


def _fail_in_the_dark(stage: Stage, step: Step, record: Record) -> None:
    """The box alone knows of it. When the line is back, the device's history must tell it all the same."""
    began_s, device = time.time(), str(step.subject)
    assert step.confirms is not None
    record.happened_s = step.act(stage, step)
    record.confirmed_s = _wait_log(stage, step.confirms, began_s).recorded_s
    record.mended_s = step.mend(stage, step)
    record.recovered_s = _wait_log(stage, health_entry(device, "ok"), record.mended_s).recorded_s
    deadline = time.monotonic() + STAGE_S
    history: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        history = stage.county.api.get(f"/v1/devices/{device}")["intervals"]
        if _told(history, record.confirmed_s):
            record.api_s = time.time()
            return
        time.sleep(0.1)
    shown = ", ".join(
        f"{stretch['from_at']} {stretch['verdict']}({stretch['reason']})" for stretch in history
    )
    raise StepFailed(f"断网期间的历史没有补全 / history not filled in: {shown}")


def _told(history: list[dict[str, Any]], ailed_s: float) -> bool:
    """Whether the history says `down` at the time of the failure and nowhere that nobody could know."""
    down = any(
        stretch["verdict"] == "down" and abs(unix_s(stretch["from_at"]) - ailed_s) < 1.0
        for stretch in history
    )
    return down and not any(stretch["reason"] == "parent" for stretch in history)
