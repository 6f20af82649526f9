"""What two devices taught spares the next of their make questions; what was learned wrongly heals."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.devices import OnvifRoom
from agent.devices.account import Account
from agent.devices.events import PullPoint
from agent.devices.habits import HABIT_TOPIC, Habit, HabitBook, LooseLeaves, make_of, voice_of
from agent.devices.notifications import Tally
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError
from agent.model import Device, Identity
from agent.outbox.notebook import SqliteNotebook
from protocol.words import Reason, Rung
from simulator.device.personality import Lifetime, Personality
from simulator.device.pull_points import Items
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

MAKE = Identity(vendor="Clone", model="X1", firmware="1.0")
NAMES = ("one", "two", "three")
STATE: Items = (("State", "true"),)
BAD_HABITS: dict[str, object] = {
    "lifetime": Lifetime.ABSOLUTE,
    "absent_operations": frozenset({"Renew", "SetSynchronizationPoint", "GetServices"}),
}


def test_a_habit_is_held_until_it_is_contradicted() -> None:
    habits = HabitBook().of("cam")
    habits.learned(Habit.NO_RENEW)
    assert not habits.holds(Habit.NO_RENEW), "nobody knows yet whose habit that is"
    habits.identified(MAKE)
    habits.learned(Habit.NO_RENEW)
    habits.learned(Habit.LONGEST_PULL_S, 3.5)
    assert habits.holds(Habit.NO_RENEW)
    assert habits.value(Habit.LONGEST_PULL_S) == 3.5
    habits.contradicted(Habit.NO_RENEW)
    assert set(habits.known()) == {Habit.LONGEST_PULL_S}


def test_a_habit_belongs_to_make_model_and_firmware() -> None:
    book = HabitBook()
    one, same, updated = book.of("a"), book.of("b"), book.of("c")
    one.identified(MAKE)
    same.identified(replace(MAKE, serial="other"))
    updated.identified(replace(MAKE, firmware="1.1"))
    one.learned(Habit.NO_RENEW)
    assert one.holds(Habit.NO_RENEW)
    assert not same.holds(Habit.NO_RENEW), "one device alone says so"
    same.learned(Habit.NO_RENEW)
    third = book.of("d")
    third.identified(MAKE)
    assert third.holds(Habit.NO_RENEW)
    assert not updated.holds(Habit.NO_RENEW)
    same.identified(replace(MAKE, firmware="1.1"))
    assert not same.holds(Habit.NO_RENEW), "the firmware changed"


def test_a_habit_is_learned_anew_after_thirty_days_whatever_the_clock_did() -> None:
    now = [1e9]
    habits = HabitBook(unix=lambda: now[0]).of("cam")
    habits.identified(MAKE)
    for step_s in (31 * 86_400.0, -40 * 86_400.0):
        habits.learned(Habit.NO_RENEW)
        now[0] += step_s
        assert not habits.holds(Habit.NO_RENEW)


def test_a_doubt_forgets_what_was_seen_once_and_keeps_what_is_sure() -> None:
    habits = HabitBook().of("cam")
    habits.identified(MAKE)
    habits.learned(Habit.NO_RENEW)
    habits.doubted(Habit.NO_RENEW)
    assert not habits.holds(Habit.NO_RENEW)
    for _ in range(3):
        habits.learned(Habit.NO_RENEW)
    habits.doubted(Habit.NO_RENEW)
    assert habits.holds(Habit.NO_RENEW)


def test_what_is_sure_is_not_written_again_and_again() -> None:
    leaves = _Counting()
    habits = HabitBook(leaves).of("cam")
    habits.identified(MAKE)
    for _ in range(50):
        habits.learned(Habit.NO_RENEW)
    assert leaves.written <= 4


def test_the_oldest_make_gives_way_when_there_are_too_many() -> None:
    now = [1e9]
    book = HabitBook(unix=lambda: now[0])
    for number in range(230):
        now[0] += 1
        habits = book.of(f"cam-{number}")
        habits.identified(replace(MAKE, firmware=str(number)))
        habits.learned(Habit.NO_RENEW)
    kept = book.notebook.notes(HABIT_TOPIC)
    assert len(kept) == 200
    assert make_of(replace(MAKE, firmware="229")) in kept
    assert make_of(replace(MAKE, firmware="0")) not in kept


def test_one_device_teaches_the_others_nothing_however_often_it_says_so() -> None:
    book = HabitBook()
    evil, honest = book.of("evil"), book.of("honest")
    for each in (evil, honest):
        each.identified(MAKE)
    for _ in range(3):
        evil.learned(Habit.DEAD_MEDIA2)
        evil.learned(Habit.LONGEST_PULL_S, 1.0)
    assert honest.known() == {}
    assert set(evil.known()) == {Habit.DEAD_MEDIA2, Habit.LONGEST_PULL_S}


def test_of_two_values_the_mildest_counts_for_others_and_its_own_for_each() -> None:
    book = HabitBook()
    evil, honest, third = (book.of(name) for name in ("evil", "honest", "third"))
    for each in (evil, honest, third):
        each.identified(MAKE)
    evil.learned(Habit.LONGEST_PULL_S, 1.0)
    honest.learned(Habit.LONGEST_PULL_S, 8.0)
    values = [each.value(Habit.LONGEST_PULL_S) for each in (evil, honest, third)]
    assert values == [1.0, 8.0, 8.0]


def test_a_device_that_claims_ever_new_makes_evicts_nobody() -> None:
    now = [1e9]
    book = HabitBook(unix=lambda: now[0])
    for number in range(150):
        honest = book.of(f"cam-{number}")
        honest.identified(replace(MAKE, model=str(number)))
        honest.learned(Habit.NO_RENEW)
    evil = book.of("evil")

    def claim(firmware: str) -> None:
        evil.identified(replace(MAKE, firmware=firmware))
        evil.learned(Habit.NO_RENEW)

    for number in range(250):
        claim(f"x{number}")
    assert len(book.notebook.notes(HABIT_TOPIC)) == 154
    claim("x0")
    assert evil.holds(Habit.NO_RENEW), "what it teaches already goes on"
    now[0] += 86_401
    claim("another day")
    assert evil.holds(Habit.NO_RENEW)


def test_what_two_devices_taught_is_not_struck_for_what_one_did() -> None:
    now = [1e9]
    book = HabitBook(unix=lambda: now[0])
    for name in ("a", "b"):
        habits = book.of(name)
        habits.identified(MAKE)
        habits.learned(Habit.NO_RENEW)
    for number in range(300):
        now[0] += 1
        habits = book.of(f"cam-{number}")
        habits.identified(replace(MAKE, firmware=str(number)))
        habits.learned(Habit.NO_RENEW)
    assert make_of(MAKE) in book.notebook.notes(HABIT_TOPIC)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(1, 9)), max_size=60))
def test_the_teachers_of_a_habit_are_bounded(lessons: list[tuple[str, float]]) -> None:
    book = HabitBook()
    for name, value in lessons:
        habits = book.of(name)
        habits.identified(MAKE)
        habits.learned(Habit.LONGEST_PULL_S, value)
        assert habits.value(Habit.LONGEST_PULL_S) == value
    facts = book.facts(make_of(MAKE))
    assert all(len(fact.taught) <= 4 for fact in facts.values())


def test_two_ways_to_log_in_under_one_voice_are_none() -> None:
    book = HabitBook()
    root = etree.fromstring("<s:Envelope xmlns:s='urn:s'/>")
    one, two = book.of("a"), book.of("b")
    for each in (one, two):
        each.heard(root, "gSOAP/2.8")
    one.logged_in("wsse")
    assert two.login_mode() == "wsse"
    two.logged_in("digest")
    assert one.login_mode() is None
    one.logged_in("wsse")
    assert one.login_mode() is None


def test_a_voice_is_told_by_prefixes_namespaces_and_server() -> None:
    plain = etree.fromstring("<s:Envelope xmlns:s='urn:s'/>")
    other = etree.fromstring("<env:Envelope xmlns:env='urn:s'/>")
    assert voice_of(plain, "a") == voice_of(
        etree.fromstring("<s:Envelope xmlns:s='urn:s'><x/></s:Envelope>"), "a"
    )
    assert len({voice_of(plain, "a"), voice_of(other, "a"), voice_of(plain, "b")}) == 3


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=400))
def test_the_name_of_a_make_is_bounded_and_has_three_parts(vendor: str, model: str, firmware: str) -> None:
    name = make_of(Identity(vendor=vendor, model=model, firmware=firmware))
    assert len(name) <= 182
    assert name.count("/") == 2
    assert "\n" not in name


@given(
    st.one_of(
        st.text(max_size=200), st.sampled_from(['{"no_renew": 1}', '{"no_renew": [1, "x", 3]}', "[]", "3"])
    )
)
def test_a_damaged_note_is_no_habit_and_no_crash(document: str) -> None:
    book = HabitBook()
    book.notebook.note(make_of(MAKE), HABIT_TOPIC, document)
    habits = book.of("cam")
    habits.identified(MAKE)
    assert not habits.holds(Habit.NO_RENEW)
    habits.learned(Habit.NO_RENEW)
    assert habits.holds(Habit.NO_RENEW)


class _Counting(LooseLeaves):
    written = 0

    def note(self, subject: str, topic: str, document: str) -> None:
        self.written += topic == HABIT_TOPIC
        super().note(subject, topic, document)


# --- against the simulator ---------------------------------------------------------------------------


@contextmanager
def three_alike(personality: str = "dahua-like", /, **habits: object) -> Iterator[RunningCounty]:
    """Three devices of one make, with these fields of its personality changed."""
    with running(*(entry(name, personality=personality) for name in NAMES)) as county:
        for name in NAMES:
            change(county, name, **habits)
            county.call(lambda name=name: told(county.device(name)))  # type: ignore[misc]
        yield county


def told(device: object) -> None:
    device.events.tell("tns1:VideoSource/MotionAlarm", source=(), data=STATE, operation="Changed")  # type: ignore[attr-defined]


def change(county: RunningCounty, name: str = "one", **fields: object) -> Personality:
    device = county.device(name)
    device.personality = replace(device.personality, **fields)  # type: ignore[arg-type]
    return device.personality


def row(county: RunningCounty, name: str) -> Device:
    device = county.device(name)
    return a_device(device.ip, device.http_port, name=name, password="pass-word-1")


def contact(room: OnvifRoom, device: Device, *, pulls: int = 1) -> None:
    """What the box does with a device that it sees for the first time: climb, then listen."""
    adapter, subscription = room.open(device), room.subscribe(device)
    with contextlib.closing(adapter), contextlib.closing(subscription):
        evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK), evidence.detail
        for _ in range(pulls):
            subscription.pull()


def count(county: RunningCounty, name: str, *what: str) -> int:
    counters = county.call(lambda: dict(county.device(name).counters))
    return sum(counters.get(each, 0) for each in what)


def refusals(county: RunningCounty, name: str) -> int:
    counters = county.call(lambda: dict(county.device(name).counters))
    return sum(n for key, n in counters.items() if key.startswith("status_") and key != "status_200")


@pytest.mark.parametrize("kept_on_disk", [False, True])
def test_the_third_device_of_a_make_is_asked_less_and_refuses_nothing(
    kept_on_disk: bool, tmp_path: Path
) -> None:
    with three_alike(**BAD_HABITS) as county, contextlib.ExitStack() as stack:
        book = (
            stack.enter_context(contextlib.closing(SqliteNotebook(tmp_path / "n.db")))
            if kept_on_disk
            else None
        )
        room = OnvifRoom(limits=QUICK, notebook=book)
        contact(room, row(county, "one"), pulls=4)
        first = count(county, "one", "requests"), refusals(county, "one")
        contact(room, row(county, "two"), pulls=4)
        assert refusals(county, "two") == 3, "one device alone teaches the others no more than its voice"
        if book is not None:
            room = OnvifRoom(limits=QUICK, notebook=book)  # as after a restart
        contact(room, row(county, "three"), pulls=4)
        third = count(county, "three", "requests"), refusals(county, "three")
        assert third[1] == 0
        assert first[1] == 4, "log-in unasked, GetServices, duration, SetSynchronizationPoint"
        assert third[0] <= first[0] - 4, (first, third)


def test_a_make_that_cannot_renew_is_asked_at_two_devices_once() -> None:
    limits = replace(QUICK, lease_s=1)
    with three_alike("plain", absent_operations=frozenset({"Renew"})) as county:
        room = OnvifRoom(limits=limits)
        for name in NAMES:
            with contextlib.closing(room.open(row(county, name))) as adapter:
                adapter.climb()
            subscription = room.subscribe(row(county, name))
            with contextlib.closing(subscription):
                ends = time.monotonic() + 1.2
                while time.monotonic() < ends:
                    subscription.pull()
        assert [count(county, name, "op_Renew") for name in NAMES] == [1, 1, 0]


def test_seconds_read_as_minutes_are_asked_for_as_minutes_from_the_third_device_on() -> None:
    with three_alike("bosch-like") as county:
        room = OnvifRoom(limits=QUICK)
        left = []
        for name in NAMES:
            subscription = room.subscribe(row(county, name))
            with contextlib.closing(room.open(row(county, name))) as adapter:
                adapter.climb()
            subscription.pull()
            left.append(county.call(lambda name=name: lease_left_s(county, name)))  # type: ignore[misc]
            subscription.close()
        assert left[0] > 3000
        assert left[1] > 3000
        assert 50 < left[2] <= 60


def lease_left_s(county: RunningCounty, name: str) -> float:
    events = county.device(name).events
    (point,) = events.live()
    return events.left_s(point)


def test_a_long_pull_that_is_cut_off_twice_is_not_asked_again() -> None:
    limits = replace(QUICK, total_s=6.0, pull_s=3.0)
    with three_alike("tapo-like", longest_pull_s=1.2) as county:
        room = OnvifRoom(limits=limits)
        device = row(county, "one")
        with contextlib.closing(room.open(device)) as adapter:
            adapter.climb()
        subscription = room.subscribe(device)
        with contextlib.closing(subscription):
            subscription.pull()
            for _ in range(2):
                with pytest.raises(DeviceError):
                    subscription.pull()
            began = time.monotonic()
            subscription.pull()
            subscription.pull()
            assert time.monotonic() - began < 3.0
        assert room._habits.of("one").value(Habit.LONGEST_PULL_S) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("cut", [False, True])
def test_a_longer_pull_is_tried_again_once_a_day(*, cut: bool) -> None:
    shift_s, limits = [0.0], replace(QUICK, total_s=6.0, pull_s=1.6)
    with running(entry("one")) as county:
        change(county, "one", longest_pull_s=1.3 if cut else 60.0)
        device = row(county, "one")
        account = Account(device.username, device.password, rest_s=600)
        point = PullPoint(
            device,
            account,
            shared_services(),
            limits=limits,
            tally=Tally(),
            monotonic=lambda: time.monotonic() + shift_s[0],
        )
        account.habits.identified(MAKE)
        account.habits.learned(Habit.LONGEST_PULL_S, 1.0)
        with contextlib.closing(point):
            began = time.monotonic()
            point.pull()
            assert time.monotonic() - began < 1.5, "within the day it is believed"
            shift_s[0] = 86_401.0
            for _ in range(2):
                with contextlib.suppress(DeviceError):
                    point.pull()
            assert account.habits.holds(Habit.LONGEST_PULL_S) is cut
            pulls = count(county, "one", "op_PullMessages")
            point.pull()
            assert count(county, "one", "op_PullMessages") == pulls + 1, "it hears on"


def test_a_dead_media2_is_asked_for_encoders_once() -> None:
    with three_alike("hik-like", dead_media2=True) as county:
        room = OnvifRoom(limits=QUICK)
        for name in NAMES:
            with contextlib.closing(room.open(row(county, name))) as adapter:
                adapter.climb()
            with contextlib.closing(room.settings(row(county, name))) as aspects:
                assert aspects["encoder"].read()["sub.fps"] == 10
        # Media2 is asked of the first two, for encoders and for profiles.
        assert [count(county, name, "not_supported") for name in NAMES] == [2, 2, 0]


@pytest.mark.parametrize(
    ("habit", "value"),
    [
        (Habit.NO_SYNCHRONIZATION, 1.0),
        (Habit.ABSOLUTE_TIME, 1.0),
        (Habit.LEASE_IN_MINUTES, 1.0),
        (Habit.NO_RENEW, 1.0),
        (Habit.LONGEST_PULL_S, 0.001),
    ],
)
def test_a_wrong_habit_costs_no_event_and_no_slot(habit: Habit, value: float) -> None:
    with three_alike("plain") as county:
        room = OnvifRoom(limits=QUICK)
        device = row(county, "one")
        with contextlib.closing(room.open(device)) as adapter:
            adapter.climb()
        for _ in range(3):
            room._habits.of("one").learned(habit, value)
        subscription = room.subscribe(device)
        with contextlib.closing(subscription):
            events = [event for _ in range(3) for event in subscription.pull()]
            assert [event for event in events if event.active and event.initial]
            assert len(county.call(county.device("one").events.live)) == 1
        assert county.call(county.device("one").events.live) == []


@pytest.mark.parametrize("habit", [Habit.LEASE_IN_MINUTES, Habit.ABSOLUTE_TIME, Habit.NO_SYNCHRONIZATION])
def test_a_wrong_habit_is_forgotten_by_working_with_it(habit: Habit) -> None:
    with three_alike("plain", motion=(), scene_change=()) as county:
        room = OnvifRoom(limits=QUICK)
        device = row(county, "one")
        with contextlib.closing(room.open(device)) as adapter:
            adapter.climb()
        habits = room._habits.of("one")
        habits.learned(habit)
        if habit is Habit.ABSOLUTE_TIME:
            # A point in time by the box's clock lies in this device's past.
            county.device("one").clock.offset_s = 9e4
            room._accounts["one"][1].clock_error_s = 0.0
        if habit is Habit.NO_SYNCHRONIZATION:
            county.call(county.device("one").events._states.clear)
            assert not county.call(county.device("one").events.topics)
        subscription = room.subscribe(device)
        with contextlib.closing(subscription):
            subscription.pull()
            if habit is Habit.LEASE_IN_MINUTES:
                assert lease_left_s(county, "one") > 50
        assert not habits.holds(habit)


def test_a_make_that_lost_get_services_and_got_it_back_is_believed() -> None:
    """GetCapabilities first, and when that is not enough GetServices once more."""
    with three_alike("plain") as county:
        room = OnvifRoom(limits=QUICK)
        with contextlib.closing(room.open(row(county, "one"))) as adapter:
            adapter.climb()
        room._habits.of("one").learned(Habit.NO_GET_SERVICES)
        change(county, "one", absent_operations=frozenset({"GetCapabilities"}))
        with contextlib.closing(room.open(row(county, "one"))) as adapter:
            assert adapter.identity().profiles
        assert not room._habits.of("one").holds(Habit.NO_GET_SERVICES)


def test_a_guessed_way_to_log_in_that_is_wrong_costs_no_try() -> None:
    with running(
        entry("one", auth="wsse"), entry("two", auth="digest"), entry("three", auth="wsse")
    ) as county:
        room = OnvifRoom(limits=QUICK)
        for name in ("one", "two", "three"):
            contact(room, row(county, name))
            counters = county.device(name).counters
            assert not [key for key in counters if key.startswith("auth_") and key != "auth_missing"]
        assert count(county, "one", "auth_missing") == 1


def test_a_guess_is_not_made_again_after_a_refusal() -> None:
    with running(entry("one", personality="dahua-like"), entry("two", personality="dahua-like")) as county:
        room = OnvifRoom(limits=QUICK)
        contact(room, row(county, "one"))
        wrong = replace(
            row(county, "two"), password=replace(row(county, "two").password, reveal=PASSWORD + "x")
        )
        with contextlib.closing(room.open(wrong)) as adapter:
            assert [adapter.climb().reason for _ in range(3)] == [
                Reason.AUTH_FAILED,
                Reason.AUTH_BACKOFF,
                Reason.AUTH_BACKOFF,
            ]
            assert count(county, "two", "auth_wrong_password") == 1
            assert count(county, "two", "auth_missing") == 0
            adapter.forget_failures()
            assert adapter.climb().reason is Reason.AUTH_FAILED
        assert count(county, "two", "auth_missing") == 1, "how it wants to be logged in to is asked anew"
        assert not county.device("two").users.locked()


def test_who_wants_points_in_time_is_renewed_with_them() -> None:
    limits = replace(QUICK, lease_s=4)
    with three_alike("plain", lifetime=Lifetime.ABSOLUTE) as county:
        room = OnvifRoom(limits=limits)
        subscription = room.subscribe(row(county, "one"))
        with contextlib.closing(subscription):
            ends = time.monotonic() + 5.5
            while time.monotonic() < ends:
                subscription.pull()
        asked = county.call(lambda: dict(county.device("one").counters))
        assert asked["op_Renew"] >= 1
        assert room.counts()["renewed", ""] >= 1
        assert asked["op_CreatePullPointSubscription"] == 3, "unasked log-in, a duration refused, the one"
