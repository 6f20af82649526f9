"""Keeps each ledger id at the address where its device is, while the box runs.

    a climb fails ──> suspect ──> look at its address, and at those of whoever answers there ──> rebind
                                       └── still lost ──> discovery, every LOOK_EVERY_S, then more rarely

Law: what is looked at is asked without a password; who moves is decided by ``placing``. A device moves at
most ``MOST_MOVES`` times an hour, and an address at which two devices alternate moves nobody: it is told.
Everything that happened is in the log, once.
Law: addresses that hang hold nobody up. ``LOOKERS`` are looked at at a time and each once before
the next pause; those at which the ladder met another device are decided first, without the others.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from agent.marks import Marks
from agent.metrics import DEVICE_MOVES
from agent.model import Device, Evidence
from agent.ports import Found, Log
from agent.services import moving_words
from agent.services.placing import Address, Collision, Move, Plan, Row, placed
from agent.services.register import DeviceRegister, Place
from protocol.messages import BoxEvent
from protocol.words import Reason
from runtime.clock import Clock

log = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
"""Between two discoveries because of lost devices, at first; doubled while nothing changes."""
LOOK_AT_LEAST_S = 320.0
HOLD_S = 15.0
"""How long the verdict over another device at an address waits for its first look."""
MOST_MOVES = 6
HOUR_S = 3600.0
CONTEST_CHANGES = 4
"""So many changes of hands at one address within ``CONTEST_S`` are a conflict, not a swap."""
CONTEST_S = 600.0
MOST_TOLD = 512
LOOKERS = 8
"""Addresses looked at at once, and of those that may hang so many a step: it ends within about one look."""
_ROUNDS = 3
"""Looks of one decision: a ring of devices that all moved needs one for each further step."""
_GONE = (Reason.OTHER_DEVICE, Reason.UNREACHABLE, Reason.HUNG, Reason.NO_ONVIF, Reason.AUTH_FAILED)

LookAt = Callable[[str, int], Marks | None]
Discover = Callable[[Sequence[str]], Sequence[Found]]
Rebind = Callable[[str, str, int], None]


@dataclass(slots=True)
class _Suspicion:
    since_s: float
    reason: Reason
    looked: bool = False


@dataclass(slots=True)
class _Watch:
    """What is remembered of one device while the box runs."""

    device: Device
    configured: Address
    suspicion: _Suspicion | None = None
    previous: Address | None = None
    moves: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_MOVES))
    hands: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=CONTEST_CHANGES + 1))
    """When itself (True) or another (False) was met at its address; changes only."""


class Mover:
    """``suspect`` and ``well`` come from the prober's threads, ``step`` from a worker of its own."""

    def __init__(
        self,
        register: DeviceRegister,
        *,
        look_at: LookAt,
        discover: Discover,
        rebind: Rebind,
        log_: Log,
        clock: Clock,
        subnets: Sequence[str] = (),
    ) -> None:
        """``subnets`` are searched when a device is lost, besides the networks of the ledger's devices."""
        self._register = register
        self._look_at = look_at
        self._discover = discover
        self._rebind = rebind
        self._log = log_
        self._clock = clock
        self._lock = threading.RLock()
        self._deciding = threading.Lock()
        self._watched: dict[str, _Watch] = {}
        self._told: set[tuple[str, ...]] = set()
        self._subnets = tuple(subnets)
        self._next_round_s = 0.0
        self._pause_s = LOOK_EVERY_S
        self._lately: dict[Address, Marks | None] = {}
        """Who was met in these steps, one after the other without a pause."""
        self._closed = threading.Event()
        self.wake: Callable[[], None] = lambda: None

    def add(self, device: Device, *, configured: Address) -> None:
        """Look after one more device; ``configured`` is the address the ledger had for it at the start."""
        with self._lock:
            self._watched[device.id] = _Watch(device, configured)
            self._keep_register()

    def remove(self, device: str) -> None:
        """Look after it no more."""
        with self._lock:
            self._watched.pop(device, None)
            self._keep_register()

    def _keep_register(self) -> None:
        self._register.keep_to(watch.device for watch in self._watched.values())

    def replace(self, device: Device) -> None:
        """The device has another address or log-in."""
        with self._lock:
            watch = self._watched.get(device.id)
            if watch is not None:
                watch.device = device

    def close(self) -> None:
        """The box stops: looks under way end by themselves, no other begins, and nobody is moved any more."""
        self._closed.set()

    # --- what the ladder says -------------------------------------------------------------------

    def heard(self, device: str, evidence: Evidence) -> bool:
        """Take the outcome of a climb; True when its verdict should wait for a look that is under way."""
        with self._lock:
            watch = self._watched.get(device)
            if watch is None:
                return False
            if evidence.reason is Reason.OK:
                self._well(watch)
                return False
            if evidence.reason not in _GONE or not self._register.knows(device):
                return False
            return self._suspect(watch, evidence.reason)

    def _well(self, watch: _Watch) -> None:
        watch.suspicion = None
        self._met(watch, itself=True)
        self._seen(watch)

    def _suspect(self, watch: _Watch, reason: Reason) -> bool:
        now_s = self._clock.monotonic()
        before = watch.suspicion
        now_another = reason is Reason.OTHER_DEVICE and before is not None and before.reason is not reason
        if before is None or now_another:
            watch.suspicion = _Suspicion(now_s, reason)
            self.wake()
        assert watch.suspicion is not None
        if reason is not Reason.OTHER_DEVICE:
            return False
        self._met(watch, itself=False)
        return not watch.suspicion.looked and now_s - watch.suspicion.since_s < HOLD_S

    def _met(self, watch: _Watch, *, itself: bool) -> None:
        if not watch.hands or watch.hands[-1][1] != itself:
            watch.hands.append((self._clock.monotonic(), itself))

    def _contested(self, watch: _Watch) -> bool:
        hands = watch.hands
        return len(hands) > CONTEST_CHANGES and self._clock.monotonic() - hands[0][0] < CONTEST_S

    # --- looking --------------------------------------------------------------------------------

    def step(self) -> float:
        """Look for devices that are not where they should be; returns the pause to the next look."""
        for mark, devices in self._register.shared().items():
            self._tell("device_collided", mark, moving_words.shared(mark, devices))
        turn, left = self._next_turn()
        if turn:
            looked = self._asked(_address(watch.device) for watch, _ in turn)
            self._decide(looked)
            self._lately |= looked
            for _, suspicion in turn:
                suspicion.looked = True
            self._pause_s = LOOK_EVERY_S
            self._next_round_s = min(self._next_round_s, self._clock.monotonic() + LOOK_EVERY_S)
        if left:
            return 0.0
        lately, self._lately = self._lately, {}
        lost = self._lost()
        if not lost:
            return LOOK_EVERY_S
        if self._clock.monotonic() >= self._next_round_s:
            self._search(lost, wide=bool(lately), looked=lately)
        return max(0.5, self._next_round_s - self._clock.monotonic())

    def _next_turn(self) -> tuple[Sequence[tuple[_Watch, _Suspicion]], int]:
        """Whose addresses this step looks at, and how many it leaves to the next: where another device was
        met all of them, for the verdict waits for it and whoever answered will again; else a few."""
        with self._lock:
            held = [(watch, watch.suspicion) for watch in self._watched.values()]
        fresh = [(watch, one) for watch, one in held if one is not None and not one.looked]
        met = [(watch, one) for watch, one in fresh if one.reason is Reason.OTHER_DEVICE]
        turn = met or fresh[:LOOKERS]
        return turn, len(fresh) - len(turn)

    def _search(self, lost: Sequence[_Watch], *, wide: bool, looked: Mapping[Address, Marks | None]) -> None:
        """Multicast on the networks of the lost; ``wide`` asks every address of the subnets besides.
        ``looked``: who was met just now and need not be looked at again."""
        self._next_round_s = self._clock.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LOOK_AT_LEAST_S)
        networks = [*(f"{one.device.host}/32" for one in lost), *(self._subnets if wide else ())]
        self._place(self._discover(networks), looked)

    def found(self, announced: Sequence[Found]) -> None:
        """Place what announced itself: devices of the ledger that are elsewhere are bound to where they are.

        Addresses outside the subnets and the networks of the ledger's devices are passed over.
        """
        self._place(announced, {})

    def _place(self, announced: Sequence[Found], looked: Mapping[Address, Marks | None]) -> None:
        seen: dict[Address, Marks | None] = {}
        schemes: dict[Address, bool] = {}
        networks = [*self._subnets, *(f"{watch.device.host}/24" for watch in self._all())]
        for one in announced:
            if moving_words.within(one.host, networks):
                seen[one.host, one.port] = moving_words.marks_of(one)
                schemes[one.host, one.port] = one.tls
        lost = [_address(watch.device) for watch in self._lost()]
        known = {address: looked[address] for address in lost if address in looked and address not in seen}
        unknown = (address for address in lost if address not in seen and address not in known)
        self._decide({**known, **self._asked(unknown)}, told=seen, schemes=schemes)

    def _lost(self) -> list[_Watch]:
        with self._lock:
            return [watch for watch in self._watched.values() if watch.suspicion is not None]

    def _all(self) -> list[_Watch]:
        with self._lock:
            return list(self._watched.values())

    def _asked(self, addresses: Iterable[Address]) -> dict[Address, Marks | None]:
        """Who answers at each address, side by side. Their threads end with the question."""
        wanted = tuple(dict.fromkeys(addresses))
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(LOOKERS, len(wanted)), thread_name_prefix="look") as lookers:
            return dict(zip(wanted, lookers.map(self._looked, wanted), strict=True))

    def _looked(self, address: Address) -> Marks | None:
        return None if self._closed.is_set() else self._look_at(*address)

    def _decide(
        self,
        looked: dict[Address, Marks | None],
        *,
        told: Mapping[Address, Marks | None] | None = None,
        schemes: Mapping[Address, bool] | None = None,
    ) -> None:
        """``looked``: who was met where; ``told``: who announced himself. One decision at a time: two at once
        would carry the same move out twice."""
        with self._deciding:
            self._decided(looked, told or {}, schemes or {})

    def _decided(
        self,
        looked: dict[Address, Marks | None],
        told: Mapping[Address, Marks | None],
        schemes: Mapping[Address, bool],
    ) -> None:
        plan = self._plan(looked, told, schemes)
        for _ in range(max(_ROUNDS, len(self._all()))):
            if not plan.ask:
                break
            looked |= self._asked(plan.ask)
            plan = self._plan(looked, told, schemes)
        if self._closed.is_set():
            return  # some were not looked at: nothing follows from what was not seen
        seen = {**told, **looked}
        for one in plan.collisions:
            self._tell_collision(one)
        for device, address in plan.strangers:
            self._tell("stranger_met", device, moving_words.stranger(device, address, seen.get(address)))
        self._carry_out(plan.moves)

    def _plan(
        self,
        looked: Mapping[Address, Marks | None],
        told: Mapping[Address, Marks | None],
        schemes: Mapping[Address, bool],
    ) -> Plan:
        with self._lock:
            rows = {
                name: Row(
                    self._register.marks_of(name),
                    _address(watch.device),
                    failing=watch.suspicion is not None,
                    tls=watch.device.tls,
                    port_forwarded=watch.device.port_forwarded,
                )
                for name, watch in self._watched.items()
            }
            contested = [watch for watch in self._watched.values() if self._contested(watch)]
        for watch in contested:
            where = _address(watch.device)
            self._tell("address_contested", watch.device.id, moving_words.contested(watch.device.id, where))
        return placed(
            rows,
            {**told, **looked},
            contested=frozenset(_address(watch.device) for watch in contested),
            announced=schemes,
            looked=frozenset(looked),
        )

    # --- carrying out ---------------------------------------------------------------------------

    def _carry_out(self, moves: Sequence[Move]) -> None:
        """All at once: devices that exchange addresses must not be asked half way."""
        now_s = self._clock.monotonic()
        for move in moves:
            watch = self._watched.get(move.device)
            if watch is None:
                continue  # taken out of the ledger meanwhile
            if len(watch.moves) == MOST_MOVES and now_s - watch.moves[0] < HOUR_S:
                self._tell("device_restless", move.device, moving_words.restless(move))
                continue
            swapped = move.swapped or self._crossed(move)
            with self._lock:
                watch.moves.append(now_s)
                watch.previous = move.was
                watch.suspicion = None
                watch.hands.clear()
            move = replace(move, swapped=swapped)
            what = "device_swapped" if swapped else "device_moved"
            DEVICE_MOVES.labels(what=what).inc()
            log.warning("device=%s %s from %s:%d to %s:%d", move.device, what, *move.was, *move.to)
            self._rebind(move.device, *move.to)
            self._seen(watch, at=move.to)
            self._log.append(BoxEvent(what=what, detail=moving_words.moved(move)), at=self._clock.now())

    def _crossed(self, move: Move) -> bool:
        """Whether the device whose address this one takes went to this one's before."""
        return any(
            watch.previous == move.to and _address(watch.device) == move.was
            for watch in self._all()
            if watch.device.id != move.device
        )

    def _seen(self, watch: _Watch, *, at: Address | None = None) -> None:
        host, port = at or _address(watch.device)
        now = self._clock.now().timestamp()
        self._register.seen(watch.device.id, Place(host, port, now, *watch.configured))

    def tell_dropped(self, host: str, count: int) -> None:
        """Announcements of one host were not taken in."""
        self._tell("devices_dropped", host, moving_words.dropped(host, count))

    def _tell_collision(self, one: Collision) -> None:
        self._tell("device_collided", *one.devices, moving_words.collided(one))

    def _tell(self, what: str, *words: str) -> None:
        """Write an event once for what it says; the memory of what was said is bounded."""
        key = (what, *words[:-1]) if what == "devices_dropped" else (what, *words)
        if key in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(key)
        log.warning("%s", f"{what}: {words[-1]}")
        self._log.append(BoxEvent(what=what, detail=words[-1][:200]), at=self._clock.now(), severity="WARN")


def _address(device: Device) -> Address:
    return device.host, device.port
