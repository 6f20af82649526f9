"""Random days of a small county, seeded: whatever happens in whatever order, the invariants hold."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from controller.db.transaction import Store
from controller.domain.health import standing_of
from controller.domain.incidents import Action, State, allowed
from controller.schedule import ScheduleSettings
from controller.services.incidents import Incidents
from controller.services.invariants import violations
from protocol.messages import BoxEvent, Gap
from protocol.words import Rung, SceneTopic
from tests.support.village import Centre, VillageBox

STEPS = 150
LADDER = (
    (Rung.PICTURE_OK, "ok"),
    (Rung.STREAMING, "picture_covered"),
    (Rung.UNREACHABLE, "unreachable"),
    (Rung.UNREACHABLE, "starting"),
    (Rung.AUTHENTICATED, "no_stream"),
)


class Walk:
    """One county and one source of chance."""

    def __init__(self, store: Store, seed: int) -> None:
        self.rng = random.Random(seed)
        self.centre = Centre(store, settings=ScheduleSettings(recover_hold_s=20, verify_after_s=60))
        self.boxes = [self.centre.box(f"b{number}") for number in range(3)]
        self.steps: tuple[tuple[int, Callable[[], None]], ...] = (
            (30, self.write),
            (20, self.send),
            (12, self.wait),
            (8, self.session),
            (8, self.beat),
            (4, self.lose),
            (4, self.reboot),
            (2, self.restart),
            (3, self.set_clock),
            (9, self.act),
        )

    def run(self) -> None:
        weights = [weight for weight, _ in self.steps]
        for _ in range(STEPS):
            (_, step) = self.rng.choices(self.steps, weights)[0]
            step()
        for box in self.boxes:
            box.clock_off_s = 0
            box.session += 1
            box.say("online")
            box.send_all()
            box.beat()
        self.centre.receiver.flush()

    @property
    def box(self) -> VillageBox:
        return self.rng.choice(self.boxes)

    def write(self) -> None:
        box, device = self.box, f"cam{self.rng.randrange(3)}"
        for _ in range(self.rng.randrange(1, 6)):
            if self.rng.random() < 0.7:
                error_ms = self.rng.choice([None, 0, 90_000])
                box.health(f"{box.id}-{device}", *self.rng.choice(LADDER), clock_error_ms=error_ms)
            else:
                box.scene(f"{box.id}-{device}", self.rng.choice(list(SceneTopic)))

    def send(self) -> None:
        box = self.box
        if box.log:
            numbers = sorted(box.log)[-30:]
            box.send(*self.rng.sample(numbers, self.rng.randrange(1, len(numbers) + 1)))

    def wait(self) -> None:
        self.centre.pass_time(self.rng.choice([1, 20, 70, 200]), every_s=10)

    def session(self) -> None:
        box, status = self.box, self.rng.choice(["online", "offline", "planned_stop"])
        box.session += status == "online"
        box.say(status, retained=self.rng.random() < 0.2)

    def beat(self) -> None:
        self.box.beat()
        self.centre.receiver.flush()

    def lose(self) -> None:
        box = self.box
        first = box.last + 1
        last = first + self.rng.randrange(4)
        box.write(Gap(first=first, last=last, entries=last - first + 1, reason="outbox_full"), sequence=last)

    def reboot(self) -> None:
        box = self.box
        box.started_s = self.centre.clock.monotonic()
        box.write(BoxEvent(what="boot"))
        if self.rng.random() < 0.2:
            box.epoch, box.log = f"{self.rng.getrandbits(64):016x}", {}

    def restart(self) -> None:
        self.centre.schedule = self.centre.new_schedule()

    def set_clock(self) -> None:
        if self.rng.random() < 0.3:
            self.centre.clock.jump(self.rng.choice([-7200, 7200]))
        else:
            self.box.clock_off_s = self.rng.choice([0, -3600, 3600, -1e8])

    def act(self) -> None:
        incidents = [row for row in self.centre.rows("incident") if allowed(State(row["state"]))]
        if not incidents:
            return
        row = self.rng.choice(incidents)
        action = self.rng.choice(allowed(State(row["state"])))
        if action is Action.REOPEN:
            return
        with self.centre.store.write() as transaction:
            steps = Incidents(transaction, now=self.centre.clock.now())
            actor = f"account:{self.rng.randrange(10**6)}"
            steps.act(row["id"], action, actor=actor, text="t", unit="u")


@pytest.mark.parametrize("seed", range(4))
def test_a_random_day_keeps_every_invariant(store: Store, seed: int) -> None:
    walk = Walk(store, seed)
    walk.run()
    walk.centre.assert_lawful()
    present = {(box.id, box.epoch) for box in walk.boxes}
    for position in walk.centre.rows("position"):
        if (position["box_id"], position["epoch"]) in present:
            assert position["upto"] == position["highest"]
    assert verdicts_written(walk) == {
        row["id"]: (row["verdict"], row["verdict_reason"])
        for row in walk.centre.rows("device")
        if row["id"] in verdicts_written(walk)
    }


def verdicts_written(walk: Walk) -> dict[str, tuple[str, str]]:
    """What the last health entry of each device in its box's present log calls for."""
    found = {}
    for box in walk.boxes:
        for number in sorted(box.log):
            entry = json.loads(box.log[number])
            if entry["type"] == "outpost.device.health.v1":
                standing = standing_of(None, entry["data"]["rung"], entry["data"]["reason"])
                found[entry["subject"]] = (standing.verdict.value, standing.reason)
    return found


def test_the_check_at_the_end_can_fail(store: Store) -> None:
    """So that the walk proves something: one interval closed behind the centre's back is found."""
    walk = Walk(store, 1)
    walk.run()
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("UPDATE interval SET to_at = from_at WHERE to_at IS NULL")
    assert violations(store) != []
