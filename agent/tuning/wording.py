"""What a rehearsal says to people, Chinese first, a line each; and to scripts, as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.model import Finding, SightMode
from agent.tuning.film import Film
from agent.tuning.reasons import in_chinese
from agent.tuning.rehearsal import Act, Decision, Happening, Outcome
from agent.tuning.trial_values import Thresholds
from agent.video.agreement import Hearing
from protocol.scene_words import scene_word

_ACTS: Final[Mapping[Act, tuple[str, str]]] = {
    Act.KEY: ("关键帧", "key frame"),
    Act.RUN: ("连续解码", "run"),
    Act.ALARM: ("码流异动，解码", "packets alarmed, decoded"),
    Act.LOW_RATE: ("低频解码（关键帧太少）", "low rate (key frames too rare)"),
    Act.UNHEEDED: ("码流异动，未解码：近来多为误报", "packets alarmed, not decoded: mostly wrong of late"),
    Act.FALSE: ("码流误报，停止解码", "packets were wrong, decoding ends"),
    Act.BROKEN: ("关键帧损坏", "broken key frame"),
    Act.SHED: ("码流异动，因限额未解码", "packets alarmed, not decoded: shed"),
    Act.MODE: ("方式改变", "mode"),
}
_MODES: Final[Mapping[SightMode, tuple[str, str]]] = {
    SightMode.KEYS: ("看关键帧", "key frames"),
    SightMode.ASKING: ("请求关键帧", "asks for key frames"),
    SightMode.LOW_RATE: ("低频解码：关键帧间隔太长", "low rate: key frames are too far apart"),
}
_HEARINGS: Final[Mapping[Hearing, tuple[str, str]]] = {
    Hearing.UNTRIED: ("样本不足，未评估", "not enough seen to tell"),
    Hearing.GOOD: ("可用", "of use"),
    Hearing.BLIND: ("听不出：靠关键帧发现", "hears little: key frames find it"),
    Hearing.WOLF: ("多为误报：不采信", "mostly wrong: not listened to"),
}


def at(seconds: float) -> str:
    """``02:03.4`` or ``1:02:03.4`` of the recording."""
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    begin = f"{hours}:{minutes:02}" if hours else f"{minutes:02}"
    return f"{begin}:{rest // 10:02}.{rest % 10}"


def both(chinese: str, english: str) -> str:
    """One line in both languages."""
    return f"{chinese} / {english}" if chinese != english else english


def explained(one: Decision) -> str:
    """A decision: what was heard, why it was decoded, what was found or why not."""
    act = _ACTS[one.act]
    heard = f"{one.surprise:+.1f}σ" if one.surprise else "0σ"
    if one.act is Act.MODE:
        mode = _MODES[one.mode]
        return f"{at(one.at_s)} {both(f'{act[0]}：{mode[0]}', f'{act[1]}: {mode[1]}')}"
    if not one.judged:
        return f"{at(one.at_s)} {heard} {both(*act)}"
    seen = _seen(one)
    return f"{at(one.at_s)} {heard} {both(f'{act[0]}：{seen[0]}', f'{act[1]}: {seen[1]}')}"


def _seen(one: Decision) -> tuple[str, str]:
    told = [finding for finding in one.findings if finding.present]
    if told:
        missed = [f for f in one.findings if not f.present and f.zone and f.reason]
        return (
            "；".join([*(_finding(f)[0] for f in told), *(_missed(f)[0] for f in missed)]),
            "; ".join([*(_finding(f)[1] for f in told), *(_missed(f)[1] for f in missed)]),
        )
    if one.learning:
        return "正在学习背景，无法判断", "learning the background, nothing can be told"
    reasons = list(dict.fromkeys(f.reason for f in one.findings if f.reason))
    share = "" if one.changed_ratio is None else f"{one.changed_ratio:.2%}"
    if reasons:
        chinese, english = "；".join(map(in_chinese, reasons)), "; ".join(reasons)
    elif share:
        chinese, english = f"无，画面仅 {share} 与背景不同", f"nothing, {share} of the picture differs"
    else:
        chinese, english = "未判断：画面有异常", "not judged: the picture has a fault"
    return chinese, english


def _finding(finding: Finding) -> tuple[str, str]:
    words = scene_word(finding.topic)
    zone = f" [{finding.zone}]" if finding.zone else ""
    return (
        f"{words[0]}{zone} {finding.score:.2f}（{in_chinese(finding.reason)}）",
        f"{words[1]}{zone} {finding.score:.2f} ({finding.reason})",
    )


def _missed(finding: Finding) -> tuple[str, str]:
    words = scene_word(finding.topic)
    return (
        f"无 {words[0]} [{finding.zone}]（{in_chinese(finding.reason)}）",
        f"no {words[1]} [{finding.zone}] ({finding.reason})",
    )


def event_line(event: Happening) -> str:
    """An event: from, to, what, where, how clear, why."""
    chinese, english = scene_word(event.topic)
    said = certain(event)
    zone = f" [{event.zone}]" if event.zone else ""
    told = both(
        f"{chinese} {event.score:.2f}，{said[0]}：{in_chinese(event.reason)}",
        f"{english} {event.score:.2f}, {said[1]}: {event.reason}",
    )
    return f"{span(event)}{zone} {told}"


def span(event: Happening) -> str:
    """From when to when of the recording."""
    return at(event.start_s) if event.end_s is None else f"{at(event.start_s)}–{at(event.end_s)}"


def certain(event: Happening) -> tuple[str, str]:
    """After how long the box would tell it, in both languages."""
    told = f"{event.told_s - event.start_s:.1f} s"
    left = ("，结束时仍在", ", still there at the end") if event.cut_off else ("", "")
    return f"{told} 后确认{left[0]}", f"certain after {told}{left[1]}"


def summary(film: Film, outcome: Outcome, thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    """What it took, what was only glimpsed, and why nothing was told."""
    yield (
        f"录像 {at(outcome.stream_s)}（{film.codec}，{film.height} 行），事件 {len(outcome.events)} 个",
        f"{at(outcome.stream_s)} of stream, {len(outcome.events)} events",
    )
    yield (
        f"解码 {outcome.decoded} 帧，判断 {outcome.judged} 帧，关键帧 {outcome.keyframes} 个，"
        f"每秒录像用 CPU {outcome.cpu_ms_per_s:.1f} 毫秒，连续解码占 {outcome.open_ratio:.0%}",
        f"{outcome.decoded} pictures decoded, {outcome.judged} judged, {outcome.keyframes} key frames, "
        f"{outcome.cpu_ms_per_s:.1f} ms of CPU per stream second, gate open {outcome.open_ratio:.0%} of "
        "the time",
    )
    gate, hearing, mode = outcome.gate, _HEARINGS[outcome.hearing], _MODES[outcome.mode]
    yield (
        f"码流门：报警 {gate.get('alarms', 0)}，属实 {gate.get('alarms_right', 0)}，"
        f"误报 {gate.get('alarms_false', 0)}，未采信 {gate.get('alarms_unheeded', 0)}；{hearing[0]}；"
        f"{mode[0]}",
        f"packet gate: {gate.get('alarms', 0)} alarms, {gate.get('alarms_right', 0)} right, "
        f"{gate.get('alarms_false', 0)} false, {gate.get('alarms_unheeded', 0)} unheeded; {hearing[1]}; "
        f"{mode[1]}",
    )
    for (topic, zone), count in outcome.glimpsed.most_common():
        chinese, english = scene_word(topic)
        where = f" [{zone}]" if zone else ""
        yield (
            f"{chinese}{where}：另有 {count} 帧看到，但太短或太少，不成事件",
            f"{english}{where}: seen in {count} more pictures, too short or too few for an event",
        )
    yield from _whys(outcome)
    yield from _troubles(outcome)
    yield from _trials(thresholds)


def _whys(outcome: Outcome) -> Iterator[tuple[str, str]]:
    reasons = [(key, count) for key, count in outcome.absent.most_common() if key[2]]
    for (topic, zone, kind), count in reasons[:8]:
        chinese, english = scene_word(topic)
        reason = outcome.examples[kind]
        such = ("如", "e.g. ") if reason != kind else ("", "")
        where = f" [{zone}]" if zone else ""
        yield (
            f"无 {chinese}{where}，{count} 帧：{such[0]}{in_chinese(reason)}",
            f"no {english}{where} in {count} pictures: {such[1]}{reason}",
        )


def _troubles(outcome: Outcome) -> Iterator[tuple[str, str]]:
    if outcome.events_omitted:
        yield (
            f"另有 {outcome.events_omitted} 个事件未列出",
            f"{outcome.events_omitted} more events are not listed",
        )
    if outcome.held_back:
        yield (
            f"越线过于频繁，{outcome.held_back} 次未报",
            f"{outcome.held_back} crossings were held back: too many at once",
        )
    broken = outcome.left_out.get("broken_keyframes", 0)
    if broken:
        yield (f"{broken} 个关键帧损坏", f"{broken} key frames are broken")
    if outcome.untimed:
        yield (
            "文件没有时间信息，时间按帧率推算",
            "the file tells no times; they are reckoned from its frame rate",
        )
    if outcome.time_jumps:
        yield (
            f"文件时间有 {outcome.time_jumps} 处跳跃，之后的时间不含间断",
            f"the file's clock jumps {outcome.time_jumps} times; later times go on without the gap",
        )
    if outcome.damaged:
        yield (
            f"！文件在 {at(outcome.stream_s)} 处损坏或被截断，之后未看；请重新导出",
            f"the file is damaged or cut off at {at(outcome.stream_s)}, what follows was not seen; "
            "export it again",
        )
    if outcome.stopped:
        yield (f"！已中断，只看到 {at(outcome.stream_s)}", f"stopped; seen as far as {at(outcome.stream_s)}")


def _trials(thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    if thresholds.configured:
        told = "; ".join(thresholds.configured)
        yield (f"试用值，请写入配置：{told}", f"tried out, to be written into the configuration: {told}")
    if thresholds.trial_only:
        names = ", ".join(thresholds.trial_only)
        yield (
            f"仅供试验，边缘盒没有这些配置项：{names}",
            f"for trial alone, the box has no such setting: {names}",
        )


# --- plain values ---------------------------------------------------------------------------------------


def event_value(event: Happening) -> Mapping[str, object]:
    """An event for scripts: everything but its picture."""
    return {
        "start_s": round(event.start_s, 3),
        "told_s": round(event.told_s, 3),
        "end_s": None if event.end_s is None else round(event.end_s, 3),
        "topic": event.topic,
        "zone": event.zone,
        "score": round(event.score, 3),
        "reason": event.reason,
        "box": event.box,
        "cut_off": event.cut_off,
    }


def decision_value(one: Decision) -> Mapping[str, object]:
    """A decision for scripts."""
    return {
        "at_s": round(one.at_s, 3),
        "act": one.act,
        "surprise": round(one.surprise, 2),
        "mode": one.mode,
        "learning": one.learning,
        "largest_ratio": round(one.ratio, 5),
        "changed_ratio": None if one.changed_ratio is None else round(one.changed_ratio, 5),
        "findings": [
            {
                "topic": finding.topic,
                "zone": finding.zone,
                "present": finding.present,
                "score": round(finding.score, 3),
                "reason": finding.reason,
            }
            for finding in one.findings
            if finding.present or finding.reason
        ],
    }


def summary_value(outcome: Outcome) -> Mapping[str, object]:
    """The figures for scripts."""
    return {
        "stream_s": round(outcome.stream_s, 3),
        "packets": outcome.packets,
        "keyframes": outcome.keyframes,
        "decoded": outcome.decoded,
        "judged": outcome.judged,
        "cpu_ms_per_stream_s": round(outcome.cpu_ms_per_s, 3),
        "gate_open_ratio": round(outcome.open_ratio, 4),
        "gate": outcome.gate,
        "hearing": outcome.hearing,
        "mode": outcome.mode,
        "left_out": outcome.left_out,
        "events": len(outcome.events),
        "events_omitted": outcome.events_omitted,
        "held_back": outcome.held_back,
        "glimpsed": [
            {"topic": topic, "zone": zone, "pictures": count}
            for (topic, zone), count in outcome.glimpsed.most_common()
        ],
        "why_not": [
            {"topic": topic, "zone": zone, "reason": outcome.examples[kind], "pictures": count}
            for (topic, zone, kind), count in outcome.absent.most_common()
            if kind
        ],
        "damaged": outcome.damaged,
        "untimed": outcome.untimed,
        "time_jumps": outcome.time_jumps,
        "stopped": outcome.stopped,
    }
