"""Command ``scorecard``: what makes claim and do, as it is kept, or tried out now on the devices named.

Law: without an id nothing is sent. With ``--write`` it is asked back, and what was found is put back; what
could not be is the last thing said. Lines fit 80 columns, Chinese first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len

from agent.cli.desk import Desk
from agent.devices import sentences
from agent.devices.scorecard import TRIALS, Card, Difference, Mark, Sheet, Trial, Verdict
from agent.devices.scorecard.kept import differences
from agent.devices.scorecard.trials import BY_ID
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device

EXIT_OK, EXIT_TROUBLE, EXIT_REFUSED = 0, 1, 3
WIDTH = 80
_COLUMN = 5
_SIGNS = {Verdict.HONEST: "√", Verdict.LIES: "×", Verdict.UNDECIDED: "?", Verdict.NOT_OFFERED: "-"}
_MIXED = "±"
_WORDS = {
    Verdict.HONEST: "诚实 honest",
    Verdict.LIES: "不符 lies",
    Verdict.UNDECIDED: "未定 undecided",
    Verdict.NOT_OFFERED: "没有 not offered",
}
_LEGEND = "√ 诚实 honest  × 不符 lies  ? 未定 undecided  ± 不一 mixed  - 没有 not offered"


def scorecard(desk: Desk, options: argparse.Namespace) -> int:
    """The kept cards of all makes; with devices named, their trials."""
    if not options.device:
        return _shown(desk)
    devices = [desk.device(name) for name in options.device]
    if options.write and not _confirmed(desk, options, devices):
        return EXIT_REFUSED
    told = [_tried(desk, device, write=options.write) for device in devices]
    desk.paper.document([document for document, _ in told])
    return max(status for _, status in told)


def _tried(desk: Desk, device: Device, *, write: bool) -> tuple[dict[str, object], int]:
    """One device's card, kept and printed; (document, exit status)."""
    paper = desk.paper
    paper.line(f"{device.id}: 正在逐项试验，最长一分钟 / trials run, a minute at most")
    number = 0

    def progress(one: Mark) -> None:
        nonlocal number
        number += 1
        if paper.as_json or sys.stdout.isatty():
            paper.line(f"  {number:>2} {_SIGNS[one.verdict]} {BY_ID[one.trial].title}")

    try:
        card = desk.room.examine(device, write=write, told=progress)
    except DeviceError as error:
        paper.line(f"{error.device}: {error.detail}")
        return {"device": device.id, "kind": error.kind, "detail": error.detail}, EXIT_TROUBLE
    sheet, old = desk.room.scorecards.add(card)
    changed = differences(old, sheet) if old is not None else ()
    if not paper.as_json:
        for line in lines_of(card, sheet):
            paper.line(line)
        for line in lines_of_change(old, changed):
            paper.line(line)
    for left in card.left:
        paper.line(f"！{left}")
    document = {
        "device": device.id,
        "vendor": sheet.vendor,
        "model": sheet.model,
        "firmware": sheet.firmware,
        "at": card.at,
        "marks": card.marks,
        "learned": card.habits or {},
        "left": card.left,
        "compared_with": None if old is None else old.firmware,
        "changed": changed,
    }
    return document, EXIT_TROUBLE if card.left else EXIT_OK


def lines_of(card: Card, sheet: Sheet) -> Iterator[str]:
    """A card for people: each trial with its claim, what was done, and what a lie means for the installer."""
    who = " ".join(filter(None, (sheet.vendor, sheet.model, sheet.firmware)))
    yield from folded(f"{card.device}  {who}", indent=2)
    for one in card.marks:
        trial = BY_ID[one.trial]
        kept = sheet.kept[one.trial]
        yield from folded(f"{_SIGNS[one.verdict]} {trial.title}：{_WORDS[one.verdict]}", indent=2)
        yield from folded(f"    声称 claims {one.claims}   实测 does {one.does}", indent=6)
        yield from folded(f"    {one.evidence}", indent=4)
        if kept.is_mixed:
            yield from folded(f"    {_MIXED} 同型号设备结果不一 / devices of this make disagree", indent=4)
        if one.verdict is Verdict.LIES:
            yield from folded(f"    → {trial.if_lies[0]} / {trial.if_lies[1]}", indent=6)
    learned = ", ".join(sorted(card.habits or {})) or "-"
    yield from folded(f"已学到 learned: {learned}", indent=2)


def lines_of_change(old: Sheet | None, changed: Sequence[Difference]) -> Iterator[str]:
    """What the present firmware does otherwise than the one before."""
    if old is None:
        return
    if not changed:
        yield from folded(f"与固件 {old.firmware} 相同 / as firmware {old.firmware}", indent=2)
        return
    yield from folded(f"与固件 {old.firmware} 不同 / other than firmware {old.firmware}:", indent=2)
    for one in changed:
        was, now = f"{_SIGNS[one.before]} {one.did}", f"{_SIGNS[one.after]} {one.does}"
        yield from folded(f"    {BY_ID[one.trial].title}：{was} → {now}", indent=6)


# --- all makes ------------------------------------------------------------------------------------------


def _shown(desk: Desk) -> int:
    sheets = desk.room.scorecards.all()
    desk.paper.document([_document(sheet) for sheet in sheets])
    if desk.paper.as_json:
        return EXIT_OK
    if not sheets:
        desk.paper.line(
            "还没有记分卡：先用 devices scorecard 编号 / no card is kept yet: try devices scorecard ID"
        )
    for line in table_of(sheets):
        desk.paper.line(line)
    return EXIT_OK


def table_of(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Trials down, makes across by number; a block for as many makes as fit 80 columns."""
    titles = max(cell_len(trial.title) for trial in TRIALS) + 1
    a_block = max(1, (WIDTH - titles) // _COLUMN)
    if sheets:
        yield _LEGEND
    for begin in range(0, len(sheets), a_block):
        block = list(enumerate(sheets, start=1))[begin : begin + a_block]
        yield ""
        for number, sheet in block:
            yield from folded(_named(number, sheet), indent=5)
        yield _padded("", titles) + "".join(f"{number:>{_COLUMN}}" for number, _ in block)
        for trial in _seen(TRIALS, (sheet for _, sheet in block)):
            signs = "".join(f"{_sign(sheet, trial):>{_COLUMN}}" for _, sheet in block)
            yield _padded(trial.title, titles) + signs


def _seen(trials: Iterable[Trial], sheets: Iterable[Sheet]) -> list[Trial]:
    made = {trial for sheet in sheets for trial in sheet.kept}
    return [trial for trial in trials if trial.id in made]


def _named(number: int, sheet: Sheet) -> str:
    who = " ".join(filter(None, (sheet.vendor, sheet.model, sheet.firmware)))
    counts = f"{len(sheet.devices)} 台 devices, {sheet.runs} 次 runs, {sheet.last:%Y-%m-%d}"
    return f"[{number}] {who}  ({counts})"


def _sign(sheet: Sheet, trial: Trial) -> str:
    kept = sheet.kept.get(trial.id)
    if kept is None:
        return " "
    return _MIXED if kept.is_mixed else _SIGNS[kept.verdict]


def _document(sheet: Sheet) -> Mapping[str, object]:
    trials = {
        trial: {"verdict": one.verdict, "mixed": one.is_mixed, "last": one.last, "seen": one.seen}
        for trial, one in sheet.kept.items()
    }
    return {
        "vendor": sheet.vendor,
        "model": sheet.model,
        "firmware": sheet.firmware,
        "first": sheet.first,
        "last": sheet.last,
        "runs": sheet.runs,
        "devices": sheet.devices,
        "trials": trials,
    }


# --- lines ----------------------------------------------------------------------------------------------


def folded(text: str, *, indent: int) -> Iterator[str]:
    """``text`` in lines of at most 80 columns, a Chinese character being two; later lines are indented."""
    line = ""
    for word in _words(text):
        if line.strip() and cell_len(line + word.rstrip()) > WIDTH:
            yield line.rstrip()
            line = " " * indent + word.lstrip()
        else:
            line += word
    if line.strip():
        yield line.rstrip()


def _words(text: str) -> Iterator[str]:
    """Pieces a line may end after: words, Chinese characters, and parts of words that are too long."""
    piece = ""
    for letter in text:
        piece += letter
        if letter == " " or cell_len(letter) == 2 or cell_len(piece) >= WIDTH // 2:
            yield piece
            piece = ""
    if piece:
        yield piece


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))


def _confirmed(desk: Desk, options: argparse.Namespace, devices: Sequence[Device]) -> bool:
    """Whether the installer wants the writes. Raises DeviceError for a device that may not be written to."""
    for device in devices:
        if not device.writable:
            detail = sentences.read_only(device.id, "scorecard --write")
            raise DeviceError(DeviceTrouble.READ_ONLY, device.id, detail)
    names = ", ".join(device.id for device in devices)
    what = (
        f"{names}: 将试改帧率、亮度、校时方式、字幕，并转动云台，随后恢复原样 / "
        "frame rate, brightness, clock mode and text are changed and the head is turned, then put back"
    )
    if options.yes:
        return True
    if not sys.stdin.isatty():
        desk.paper.line(f"{what}: 请加 --yes 确认 / confirm with --yes")
        return False
    desk.paper.line(f"{what}? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是")
