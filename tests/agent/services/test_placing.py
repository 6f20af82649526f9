"""Who is where: swaps, moves, strangers, clones and doubts, decided without a network."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.marks import Marks, made
from agent.services.placing import Address, Collision, Move, Row, placed

A1, A2, A3 = ("10.0.0.1", 80), ("10.0.0.2", 80), ("10.0.0.3", 80)


def marks(number: int, *, serial: bool = True) -> Marks:
    return made(
        reference=f"urn:uuid:0000000{number}-aaaa-bbbb-cccc-000000000000",
        vendor="maker",
        serial=f"SERIAL-{number}" if serial else "",
    )


GATE, YARD = Row(marks(1), A1), Row(marks(2), A2)
ROWS = {"gate": GATE, "yard": YARD}


def test_who_answers_where_he_was_stays() -> None:
    assert placed(ROWS, {A1: marks(1), A2: marks(2)}) == placed(ROWS, {})


def test_two_that_cross_are_swapped() -> None:
    plan = placed(ROWS, {A1: marks(2), A2: marks(1)})
    assert set(plan.moves) == {Move("gate", A1, A2, swapped=True), Move("yard", A2, A1, swapped=True)}
    assert plan.strangers == ()


def test_before_a_device_moves_its_own_address_is_asked() -> None:
    plan = placed(ROWS, {A1: marks(2)})
    assert (plan.moves, plan.ask) == ((), (A2,))


def test_a_device_moves_when_nobody_answers_where_it_was() -> None:
    assert placed(ROWS, {A2: None, A3: marks(2)}).moves == (Move("yard", A2, A3),)


def test_one_that_took_the_address_of_a_dead_one_moves_alone() -> None:
    plan = placed(ROWS, {A1: marks(2), A2: None})
    assert plan.moves == (Move("yard", A2, A1),)


def test_a_stranger_at_an_address_moves_nobody() -> None:
    plan = placed(ROWS, {A1: marks(7)})
    assert (plan.moves, plan.strangers) == ((), (("gate", A1),))


def test_one_that_answers_at_two_addresses_is_told_and_stays() -> None:
    plan = placed(ROWS, {A1: marks(1), A3: marks(1)})
    assert (plan.moves, plan.collisions) == ((), (Collision(("gate",), (A1, A3)),))
    assert placed(ROWS, {A1: None, A2: marks(1), A3: marks(1)}).moves == ()


H1, H3 = ("10.0.0.1", 443), ("10.0.0.3", 443)
SAFE = {"gate": Row(marks(1), H1, tls=True)}


def test_a_second_door_of_its_own_host_is_home() -> None:
    """A camera with HTTPS that announces plain HTTP as well."""
    for own in (marks(1), None, Marks()):
        plan = placed(SAFE, {H1: own, A1: marks(1)}, announced={A1: False}, looked=frozenset({H1, A1}))
        assert (plan.moves, plan.collisions, plan.ask) == ((), (), ())


def test_a_port_of_another_scheme_is_never_taken() -> None:
    assert placed(SAFE, {H1: None, A3: marks(1)}, announced={A3: False}).moves == (Move("gate", H1, H3),)
    plain = {"gate": Row(marks(1), A1)}
    plan = placed(plain, {A1: None, H3: marks(1)}, announced={H3: True})
    assert plan.moves == (Move("gate", A1, A3),)


def test_a_port_of_its_scheme_is_taken_and_of_two_doors_the_one_that_fits() -> None:
    other = ("10.0.0.3", 8443)
    seen: dict[Address, Marks | None] = {H1: None, A3: marks(1), other: marks(1)}
    plan = placed(SAFE, seen, announced={A3: False, other: True})
    assert (plan.moves, plan.collisions) == ((Move("gate", H1, other),), ())


def test_behind_port_forwarding_the_port_is_kept() -> None:
    rows = {"gate": Row(marks(1), ("10.0.0.1", 8001), port_forwarded=True)}
    plan = placed(rows, {("10.0.0.1", 8001): None, A3: marks(1)}, announced={A3: False})
    assert plan.moves == (Move("gate", ("10.0.0.1", 8001), ("10.0.0.3", 8001)),)


def test_a_port_that_changed_on_the_device_is_taken_once_it_was_looked_at_and_the_old_one_is_dead() -> None:
    new = ("10.0.0.1", 8000)
    said: dict[Address, Marks | None] = {A1: None, new: marks(1)}
    plan = placed(ROWS, said, announced={new: False}, looked=frozenset({A1}))
    assert (plan.moves, plan.ask) == ((), (new,))
    looked = frozenset({A1, new})
    assert placed(ROWS, said, announced={new: False}, looked=looked).moves == (Move("gate", A1, new),)
    assert placed(ROWS, said | {A1: marks(1)}, announced={new: False}, looked=looked).moves == ()


def test_a_shape_without_marks_moves_a_device_only_when_it_lets_nobody_in() -> None:
    seen: dict[Address, Marks | None] = {A1: Marks(), A3: marks(1)}
    assert placed(ROWS, seen).moves == ()
    failing = {"gate": Row(marks(1), A1, failing=True), "yard": YARD}
    assert placed(failing, seen).moves == (Move("gate", A1, A3),)


def test_an_address_that_changes_hands_to_and_fro_moves_nobody() -> None:
    for contested in (A1, A2):
        assert placed(ROWS, {A1: marks(2), A2: marks(1)}, contested=frozenset({contested})).moves == ()


def test_cloned_references_that_are_both_in_the_ledger_move_nobody() -> None:
    clones = {"gate": Row(marks(1, serial=False), A1), "yard": Row(marks(1, serial=False), A2)}
    assert placed(clones, {A1: None, A3: marks(1, serial=False)}).moves == ()


def test_a_row_nothing_is_known_of_is_never_moved() -> None:
    assert placed({"new": Row(Marks(), A1)}, {A1: marks(1), A2: marks(2)}).moves == ()


@given(st.permutations(range(4)))
def test_however_devices_exchange_addresses_each_row_ends_where_its_device_is(order: list[int]) -> None:
    addresses = [(f"10.0.0.{number}", 80) for number in range(4)]
    rows = {str(number): Row(marks(number), addresses[number]) for number in range(4)}
    plan = placed(rows, {addresses[place]: marks(number) for number, place in enumerate(order)})
    after = {name: row.address for name, row in rows.items()} | {one.device: one.to for one in plan.moves}
    assert after == {str(number): addresses[place] for number, place in enumerate(order)}
    assert all(move.swapped for move in plan.moves)
    assert (plan.collisions, plan.ask, plan.strangers) == ((), (), ())
