"""Commands and desired settings: carried out once, refused with a reason, told whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ConfigError
from agent.outbox.store import Store
from agent.services.commander import QUEUE_LIMIT, Commander
from agent.services.configurator import REFUSALS_TOLD, Configurator, Setting
from protocol.codec import Received, decode_batch, join_batch
from protocol.messages import Command, CommandResult, ConfigApplied, TwinDesired
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog
from tests.support.wire import BOX, KEY, LOG


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    opened = Store(tmp_path / "box.db", box=BOX, key=KEY, clock=clock)
    yield opened
    opened.close()


def commander(store: Store, clock: ManualClock, **verbs: Any) -> Commander:
    return Commander(verbs, journal=store, log_=store, clock=clock)


def order(clock: ManualClock, name: str = "cmd-1", verb: str = "probe", valid_s: float = 60.0) -> Command:
    return Command(command=name, verb=verb, expires=clock.now() + timedelta(seconds=valid_s))


def results(store: Store) -> list[CommandResult]:
    entries: list[Any] = []
    for first in range(1, store.last + 1, 50):
        entries += decode_batch(LOG, join_batch([row.body for row in store.read(first, first + 49)]), key=KEY)
    made = [item.entry.data for item in entries if isinstance(item, Received)]
    return [data for data in made if isinstance(data, CommandResult)]


def test_a_command_is_carried_out_once_however_often_it_comes(store: Store, clock: ManualClock) -> None:
    done: list[Command] = []

    def probe(command: Command) -> str:
        done.append(command)
        return "probed"

    obeying = commander(store, clock, probe=probe)
    for _ in range(3):
        obeying.accept(order(clock))
    obeying.step()
    obeying.accept(order(clock))
    obeying.step()
    assert len(done) == 1
    (result,) = results(store)
    assert (result.command, result.outcome, result.detail) == ("cmd-1", "done", "probed")
    assert store.interrupted_commands() == []


@pytest.mark.parametrize("waits_s", [0.0, 120.0])
def test_an_expired_command_is_never_begun(store: Store, clock: ManualClock, waits_s: float) -> None:
    obeying = commander(store, clock, probe=lambda _command: pytest.fail("begun"))
    obeying.accept(order(clock, valid_s=60 if waits_s else 0))
    clock.advance(waits_s)
    if waits_s:
        obeying.step()
    assert [result.outcome for result in results(store)] == ["expired"]


def test_an_unknown_verb_is_refused_by_name(store: Store, clock: ManualClock) -> None:
    obeying = commander(store, clock)
    obeying.accept(order(clock, verb="dance"))
    obeying.step()
    (result,) = results(store)
    assert result.outcome == "refused"
    assert "dance" in result.detail


def test_what_fails_is_told_and_a_fault_of_ours_too(store: Store, clock: ManualClock) -> None:
    def fail(_command: Command) -> str:
        raise ConfigError("gate-1", ["no such device"])

    def break_down(_command: Command) -> str:
        raise ZeroDivisionError

    obeying = commander(store, clock, fail=fail, break_down=break_down)
    obeying.accept(order(clock, "cmd-1", "fail"))
    obeying.accept(order(clock, "cmd-2", "break_down"))
    obeying.step()
    with pytest.raises(ZeroDivisionError):
        obeying.step()
    assert [(one.command, one.outcome) for one in results(store)] == [
        ("cmd-1", "failed"),
        ("cmd-2", "failed"),
    ]
    assert store.interrupted_commands() == []


def test_what_was_begun_when_the_box_died_is_told_as_failed_and_not_begun_again(
    store: Store, clock: ManualClock
) -> None:
    commander(store, clock, probe=lambda _command: "never").accept(order(clock))
    reborn = commander(store, clock, probe=lambda _command: pytest.fail("begun again"))
    reborn.recover()
    reborn.recover()
    reborn.accept(order(clock))
    reborn.step()
    assert [(one.command, one.outcome) for one in results(store)] == [("cmd-1", "failed")]


def test_too_many_commands_are_refused_not_forgotten(store: Store, clock: ManualClock) -> None:
    obeying = commander(store, clock, probe=lambda _command: "")
    for number in range(QUEUE_LIMIT + 2):
        obeying.accept(order(clock, f"cmd-{number}"))
    assert [(one.command, one.outcome) for one in results(store)] == [
        (f"cmd-{QUEUE_LIMIT}", "refused"),
        (f"cmd-{QUEUE_LIMIT + 1}", "refused"),
    ]


# --- desired settings ----------------------------------------------------------------------------


def configurator(log: FakeLog, applied: list[float]) -> Configurator:
    return Configurator(
        {"ladder_interval_s": Setting(5, 3600, 30, applied.append)},
        software="0.1.0",
        log_=log,
        clock=ManualClock(),
    )


def test_settings_are_applied_one_by_one_and_each_refusal_has_its_reason() -> None:
    log, applied = FakeLog(), list[float]()
    twin = configurator(log, applied)
    assert twin.desire(TwinDesired(version=3, settings={"ladder_interval_s": 60, "colour": "green"}))
    assert applied == [60.0]
    assert twin.reported.version == 3
    assert twin.reported.settings == {"ladder_interval_s": 60.0}
    assert set(twin.reported.refused) == {"colour"}
    assert log.all(ConfigApplied) == [ConfigApplied(version=3, refused=twin.reported.refused)]


@pytest.mark.parametrize("value", [4, 3601, -1, True, "60", 1e300])
def test_a_value_out_of_bounds_or_of_another_kind_is_refused(value: int | float | bool | str) -> None:
    applied: list[float] = []
    twin = configurator(FakeLog(), applied)
    twin.desire(TwinDesired(version=1, settings={"ladder_interval_s": value}))
    assert applied == []
    assert twin.reported.settings == {"ladder_interval_s": 30}
    assert "/" in twin.reported.refused["ladder_interval_s"]


def test_the_same_or_an_older_version_changes_nothing() -> None:
    log, applied = FakeLog(), list[float]()
    twin = configurator(log, applied)
    assert twin.desire(TwinDesired(version=5, settings={"ladder_interval_s": 60}))
    for version in (5, 4):
        assert not twin.desire(TwinDesired(version=version, settings={"ladder_interval_s": 90}))
    assert applied == [60.0]
    assert len(log.entries) == 1


def test_more_refusals_than_one_entry_holds_are_all_in_the_twin() -> None:
    log = FakeLog()
    twin = configurator(log, [])
    twin.desire(TwinDesired(version=1, settings={f"unknown_{number}": number for number in range(64)}))
    (told,) = log.all(ConfigApplied)
    assert isinstance(told, ConfigApplied)
    assert len(told.refused) == REFUSALS_TOLD
    assert len(twin.reported.refused) == 64
