"""The sender's half of the log protocol, alone and against a centre that loses, doubles and forgets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.outbox.courier import ACK_TIMEOUT_CEILING_S, ACK_TIMEOUT_S, SMALLEST_WINDOW, Courier

WINDOW, BATCH = 40, 5
NARROW, FEW = 8, 3


def courier(upto: int = 0) -> Courier:
    made = Courier(upto=upto, window=WINDOW, batch=BATCH, rng=random.Random(1))
    made.connected()
    return made


def send_all(sender: Courier, *, last: int, now_s: float = 0.0) -> list[tuple[int, int]]:
    """Everything that may go now."""
    ranges = []
    while (proposed := sender.next_range(last=last, now_s=now_s)) is not None:
        ranges.append(proposed)
        sender.sent(*proposed, now_s=now_s)
    return ranges


def test_nothing_is_due_without_a_connection_or_without_entries() -> None:
    sender = Courier()
    assert sender.next_range(last=10, now_s=0) is None
    sender.connected()
    assert sender.next_range(last=0, now_s=0) is None
    sender.disconnected()
    assert sender.next_range(last=10, now_s=0) is None


def test_it_offers_committed_entries_in_order_in_batches_within_the_window() -> None:
    ranges = send_all(courier(), last=1000)
    assert ranges == [(first, first + BATCH - 1) for first in range(1, WINDOW, BATCH)]
    assert send_all(courier(), last=7) == [(1, 5), (6, 7)]


def test_only_the_acknowledgement_opens_the_window() -> None:
    sender = courier()
    send_all(sender, last=1000)
    assert sender.in_flight == WINDOW
    assert not sender.acknowledged(7, [], last=1000, now_s=0)
    assert send_all(sender, last=1000) == [(41, 45), (46, 47)]


def test_without_acknowledgement_all_above_upto_goes_again_later_each_time() -> None:
    sender = courier()
    now_s, pauses = 0.0, []
    for _ in range(12):
        send_all(sender, last=3, now_s=now_s)
        due_s = sender.due_in_s(now_s=now_s)
        assert due_s is not None
        pauses.append(due_s)
        assert sender.next_range(last=3, now_s=now_s + due_s - 0.001) is None
        now_s += due_s
        assert sender.next_range(last=3, now_s=now_s) == (1, 3)
    assert pauses[0] == ACK_TIMEOUT_S
    for number, pause in enumerate(pauses[1:], 1):
        span = min(ACK_TIMEOUT_CEILING_S, ACK_TIMEOUT_S * 2**number)
        assert span / 2 <= pause <= span
    assert len(set(pauses[7:])) > 1, "without jitter a whole county comes at once"
    sender.acknowledged(1, [], last=3, now_s=now_s)
    send_all(sender, last=3, now_s=now_s)
    assert sender.due_in_s(now_s=now_s) == ACK_TIMEOUT_S


def test_a_new_connection_sends_again_at_once() -> None:
    sender = courier()
    send_all(sender, last=8)
    sender.acknowledged(3, [], last=8, now_s=0)
    sender.disconnected()
    assert sender.due_in_s(now_s=99) is None
    sender.connected()
    assert send_all(sender, last=8) == [(4, 8)]


def test_what_is_missing_goes_first_and_once_for_each_time_it_is_named() -> None:
    sender = courier()
    send_all(sender, last=20)
    sender.acknowledged(3, [(4, 4), (8, 15)], last=1000, now_s=0)
    assert send_all(sender, last=21) == [(4, 4), (8, 12), (13, 15), (21, 21)]


def test_missing_ranges_that_were_never_sent_are_not_believed() -> None:
    sender = courier()
    send_all(sender, last=10)
    sender.acknowledged(5, [(1, 2), (4, 7), (9, 500), (600, 700), (9, 8)], last=1000, now_s=0)
    assert send_all(sender, last=10) == [(6, 7), (9, 10)]


def test_an_impossible_acknowledgement_changes_nothing() -> None:
    sender = courier()
    send_all(sender, last=10)
    assert not sender.acknowledged(11, [], last=10, now_s=0)
    assert sender.upto == 0


def test_a_restored_centre_is_filled_up_again() -> None:
    sender = courier(upto=100)
    send_all(sender, last=110)
    assert sender.acknowledged(70, [], last=110, now_s=0)
    assert sender.upto == 70
    assert send_all(sender, last=110)[0] == (71, 75)


def test_what_is_gone_is_passed_over_and_does_not_count_in_the_window() -> None:
    sender = courier()
    assert sender.next_range(last=10_000, now_s=0) == (1, 5)
    sender.skip(1, 8_999)
    assert sender.in_flight == 0
    ranges = send_all(sender, last=10_000)
    assert ranges[0] == (9_000, 9_004)
    assert ranges[-1] == (9_035, 9_039)
    assert sender.in_flight == WINDOW
    sender.acknowledged(9_000, [], last=10_000, now_s=0)
    assert send_all(sender, last=10_000) == [(9_040, 9_040)]


def test_what_is_gone_out_of_the_missing_is_passed_over_too() -> None:
    sender = courier()
    send_all(sender, last=20)
    sender.acknowledged(2, [(3, 12)], last=20, now_s=0)
    sender.skip(3, 10)
    assert send_all(sender, last=20) == [(11, 12)]


def test_a_range_that_an_acknowledgement_overtook_changes_nothing() -> None:
    sender = courier(upto=100)
    proposed = sender.next_range(last=200, now_s=0)
    assert proposed == (101, 105)
    sender.acknowledged(50, [], last=200, now_s=0)
    sender.sent(*proposed, now_s=0)
    assert sender.next_range(last=200, now_s=0) == (51, 55)


def test_new_entries_go_beside_a_backlog_and_again_in_their_turn() -> None:
    sender = courier()
    assert send_all(sender, last=500)[-1] == (36, WINDOW), "all of it is backlog"
    assert send_all(sender, last=503, now_s=0.1) == [(501, 503)]
    assert send_all(sender, last=504, now_s=0.2) == [], "not each one alone"
    assert sender.due_in_s(now_s=0.2) == pytest.approx(0.4)
    assert send_all(sender, last=512, now_s=0.7) == [(504, 508)]
    assert sender.in_flight == WINDOW
    sender.acknowledged(WINDOW, [(WINDOW + 1, 500)], last=512, now_s=0.8)
    assert send_all(sender, last=512, now_s=0.8)[0] == (41, 45), "what is only under way is not missing"
    sender.acknowledged(2 * WINDOW, [], last=512, now_s=0.9)
    for upto in range(3 * WINDOW, 513, WINDOW):
        send_all(sender, last=512, now_s=1.0)
        sender.acknowledged(upto, [], last=512, now_s=1.0)
    assert send_all(sender, last=512, now_s=1.3)[:2] == [(509, 512), (481, 485)]
    sender.acknowledged(505, [], last=514, now_s=1.35)
    assert send_all(sender, last=514, now_s=1.35) == [(513, 514)], "one after the other again"
    sender.acknowledged(512, [], last=514, now_s=1.4)
    assert send_all(sender, last=515, now_s=1.4) == [(515, 515)]


def test_new_entries_that_were_lost_beside_a_backlog_go_again_when_they_are_named() -> None:
    sender = courier()
    send_all(sender, last=500)
    assert send_all(sender, last=505, now_s=0.1) == [(501, 505)]
    assert send_all(sender, last=510, now_s=0.6) == [(506, 510)]
    sender.acknowledged(0, [(1, 505)], last=510, now_s=0.7)
    assert send_all(sender, last=510, now_s=0.8) == []
    assert send_all(sender, last=510, now_s=1.2) == [(501, 505)]
    assert send_all(sender, last=510, now_s=1.4) == []


def test_a_short_backlog_has_no_second_lane() -> None:
    sender = courier()
    send_all(sender, last=2 * WINDOW)
    assert send_all(sender, last=2 * WINDOW + 3, now_s=1) == []


def test_the_window_is_as_wide_as_the_way_is_quick() -> None:
    sender = Courier(window=400, batch=50, rng=random.Random(1))
    sender.connected()
    upto, now_s, widths = 0, 0.0, []
    for answer_s in [0.1] * 10 + [3.0] * 10 + [0.1] * 10:
        ranges = send_all(sender, last=100_000, now_s=now_s)
        widths.append(sender.in_flight)
        now_s += answer_s
        upto = max(end for _, end in ranges if end < 90_000)
        sender.acknowledged(upto, [], last=100_000, now_s=now_s)
        assert SMALLEST_WINDOW <= widths[-1] <= 400
    assert widths[0] == 100, "it begins narrow: a county comes at once"
    assert widths[9] == 400
    assert widths[19] == SMALLEST_WINDOW
    assert widths[29] == 400


class Centre:
    """What a centre remembers: which sequences, and up to where without a hole that no gap declares."""

    def __init__(self) -> None:
        self.stored: set[int] = set()
        self.upto = 0

    def take(self, sequences: list[int], gaps: dict[int, int]) -> None:
        self.stored.update(sequences)
        while True:
            following = self.upto + 1
            jumped = next(
                (last for last, first in gaps.items() if last in self.stored and first == following), 0
            )
            if following in self.stored:
                self.upto = following
            elif jumped:
                self.upto = jumped
            else:
                return

    def missing(self) -> list[tuple[int, int]]:
        waiting = sorted(number for number in self.stored if number > self.upto)
        ranges, before = [], self.upto
        for number in waiting:
            if number > before + 1:
                ranges.append((before + 1, number - 1))
            before = number
        return ranges


class Conversation(RuleBasedStateMachine):
    """A courier, an outbox that is a set of numbers, a centre, and a line that does what it likes."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.last = 0
        self.kept: set[int] = set()
        self.gaps: dict[int, int] = {}
        self.centre = Centre()
        self.backup = 0
        self.durable_upto = 0
        self.line: list[list[int]] = []
        self.answers: list[tuple[int, list[tuple[int, int]]]] = []
        self.courier = self.new_courier()

    def new_courier(self) -> Courier:
        return Courier(upto=self.durable_upto, window=NARROW, batch=FEW, rng=self.rng)

    def step(self) -> bool:
        proposed = self.courier.next_range(last=self.last, now_s=self.now_s)
        if proposed is None:
            return False
        first, last = proposed
        assert 1 <= first <= last <= self.last, "something uncommitted was offered"
        assert last - first < FEW, "more than a batch"
        if first not in self.kept:
            following = min((number for number in self.kept if number >= first), default=self.last + 1)
            if following not in self.gaps or self.gaps[following] > first:
                end = self.gaps.get(following, following) - 1
                self.kept.add(end)
                self.gaps[end] = first
                following = end
            if following > first:
                self.courier.skip(first, following - 1)
            return True
        entries = []
        for number in range(first, last + 1):
            if number not in self.kept:
                break
            entries.append(number)
        self.courier.sent(first, entries[-1], now_s=self.now_s)
        assert self.courier.in_flight <= NARROW, "more on the way than the window"
        self.line.append(entries)
        return True

    def deliver(self, entries: list[int]) -> None:
        self.centre.take(entries, self.gaps)
        self.answers.append((self.centre.upto, self.centre.missing()[:64]))

    def hear(self, answer: tuple[int, list[tuple[int, int]]]) -> None:
        upto, missing = answer
        self.courier.acknowledged(upto, missing, last=self.last, now_s=self.now_s)
        if upto <= self.last:
            self.durable_upto = upto

    @rule(count=st.integers(1, 30))
    def write(self, count: int) -> None:
        self.kept.update(range(self.last + 1, self.last + count + 1))
        self.last += count

    @rule(times=st.integers(1, 12))
    def send(self, times: int) -> None:
        for _ in range(times):
            if not self.step():
                return

    @rule(seconds=st.floats(0, 5))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.line)
    @rule(
        choice=st.randoms(use_true_random=False), fate=st.sampled_from(["arrives", "lost", "twice", "later"])
    )
    def carry(self, choice: Any, fate: str) -> None:
        entries = self.line.pop(0 if fate != "later" else choice.randrange(len(self.line)))
        if fate != "lost":
            self.deliver(entries)
        if fate == "twice":
            self.deliver(entries)

    @precondition(lambda self: self.answers)
    @rule(choice=st.randoms(use_true_random=False), lost=st.booleans())
    def answer(self, choice: Any, lost: bool) -> None:
        said = self.answers.pop(choice.randrange(len(self.answers)))
        if not lost:
            self.hear(said)

    @rule()
    def line_breaks(self) -> None:
        self.courier.disconnected()
        self.line.clear()

    @rule()
    def line_is_back(self) -> None:
        self.courier.connected()

    @rule()
    def box_restarts(self) -> None:
        self.courier = self.new_courier()

    @rule()
    def night_falls(self) -> None:
        self.backup = self.centre.upto

    @rule()
    def centre_is_restored(self) -> None:
        self.centre.stored = {number for number in self.centre.stored if number <= self.backup}
        self.centre.upto = self.backup
        self.line.clear()

    @precondition(lambda self: self.last > NARROW + 2)
    @rule(count=st.integers(2, 60))
    def outbox_is_full(self, count: int) -> None:
        waiting = sorted(number for number in self.kept if number > self.durable_upto)[NARROW:][:count]
        if len(waiting) < 2:
            return
        first, last = self.gaps.get(waiting[0], waiting[0]), waiting[-1]
        for number in waiting:
            self.kept.discard(number)
            self.gaps.pop(number, None)
        self.kept.add(last)
        self.gaps[last] = first

    @rule(count=st.integers(1, 30))
    def acknowledged_entries_are_purged(self, count: int) -> None:
        for number in sorted(self.kept)[:count]:
            if number <= self.durable_upto:
                self.kept.discard(number)
                self.gaps.pop(number, None)

    @invariant()
    def nothing_below_zero(self) -> None:
        if hasattr(self, "courier"):
            assert self.courier.in_flight >= 0

    def teardown(self) -> None:
        """Whatever happened: on a line that is only bad everything arrives."""
        if not hasattr(self, "courier"):
            return
        self.line.clear()
        self.answers.clear()
        self.courier.connected()
        self.answers.append((self.centre.upto, self.centre.missing()[:64]))
        for _ in range(400 + 8 * self.last):
            if self.centre.upto == self.last and not self.line and not self.answers:
                break
            while self.answers:
                self.hear(self.answers.pop(0))
            while self.step():
                pass
            if not self.line:
                self.now_s += 61.0
            while self.line:
                entries = self.line.pop(0)
                if self.rng.random() > 0.3:
                    self.deliver(entries)
        assert self.centre.upto == self.last, "it does not drain"


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_backlog_drains_over_a_bad_line(seed: int) -> None:
    rng = random.Random(seed)
    sender, centre, now_s, last, batches = courier(), Centre(), 0.0, 2_000, 0
    while centre.upto < last:
        for proposed in send_all(sender, last=last, now_s=now_s):
            batches += 1
            if rng.random() > 0.1:
                centre.take(list(range(proposed[0], proposed[1] + 1)), {})
                if rng.random() > 0.1:
                    sender.acknowledged(centre.upto, centre.missing(), last=last, now_s=now_s)
        now_s += 0.5
    assert batches < 2 * last / BATCH
