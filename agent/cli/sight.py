"""``outpost-agent sight``: what the running box looks at, what that takes, and what is judged less.

It asks the box's own monitor page; nothing is opened beside it. Law: what came from the page is shown only
after it was checked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from agent.cli.paper import Paper
from agent.config import load_config
from agent.errors import AgentError
from agent.shedding import STEPS

ASK_S: Final = 5.0
EVERY_S: Final = 5.0
_MOST_BYTES: Final = 2_000_000
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where a box listens
_STEP_WORDS: Final[Mapping[str, str]] = {step.name: step.words.replace(" / ", " ", 1) for step in STEPS}
_CAUSES: Final[Mapping[str, str]] = {
    "cpu": "处理器 CPU",
    "lag": "判断滞后 lag",
    "memory": "内存 memory",
}
_MODES: Final[Mapping[str, str]] = {
    "keys": "关键帧 key frames",
    "asking": "索要关键帧 asked for",
    "low_rate": "每秒一帧 one a second",
}


class NotRunning(AgentError):
    """Nobody answers where the box's monitor should be, or somebody else does."""


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Stream(_Page):
    """One line of the live count."""

    device: str
    state: str
    up: bool
    picture: str
    rank: str
    step: str
    mode: str
    gate_open: bool
    packets_per_s: float
    keys_per_s: float
    decoded_per_s: float
    judged_per_s: float
    kbps: float
    lag_s: float
    lost_frames: int
    reconnects: int
    detail: str


class Sight(_Page):
    """The page /sight of a running box."""

    cpu_bound: float
    memory_bound_bytes: int
    shed_level: int
    shed_cause: str
    shed_since: str | None
    cores: float = 1.0
    cpu_ratio: float = 0.0
    memory_bytes: int = 0
    up: int = 0
    gates_open: int = 0
    packets_per_s: float = 0.0
    decoded_per_s: float = 0.0
    judged_per_s: float = 0.0
    lag_s: float = 0.0
    lost_frames: int = 0
    steps: Mapping[str, int] = {}
    each: Sequence[Stream] = ()


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    sight = commands.add_parser("sight", help="画面监看负荷 / what the running box looks at, and its load")
    sight.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="边缘盒配置 / the box's configuration"
    )
    sight.add_argument("--json", action="store_true", help="输出 JSON / one JSON document")
    sight.add_argument("--follow", action="store_true", help="每 5 秒刷新 / again every 5 s until Ctrl+C")
    sight.set_defaults(by_hand=show)


def show(options: argparse.Namespace) -> int:
    """Print the live count. Raises ConfigError, NotRunning."""
    monitor = load_config(options.config).monitor
    paper = Paper(as_json=options.json)
    try:
        while True:
            sight = ask(monitor.host, monitor.port)
            paper.document(sight.model_dump())
            if not paper.as_json:
                _print(paper, sight)
            if not options.follow:
                return 0
            time.sleep(EVERY_S)
    except KeyboardInterrupt:
        return 0


def ask(host: str, port: int) -> Sight:
    """The live count of the box whose monitor listens there. Raises NotRunning."""
    connection = http.client.HTTPConnection(_ANY.get(host, host), port, timeout=ASK_S)
    try:
        connection.request("GET", "/sight")
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
        status = answer.status
    except (OSError, http.client.HTTPException) as error:
        raise NotRunning(
            f"边缘盒没有应答（{host}:{port}，[monitor]），请确认服务在运行 / "
            f"the box does not answer at {host}:{port} ([monitor]); is its service running?"
        ) from error
    finally:
        connection.close()
    try:
        if status == 200:
            return Sight.model_validate(json.loads(body))
    except ValueError:
        pass  # no JSON, or another document: told below without what it said
    raise NotRunning(
        f"{host}:{port} 的应答不是本版本边缘盒的，请检查 [monitor] 端口和软件版本 / "
        f"what answers at {host}:{port} is no box of this version; check port of [monitor] and version"
    )


def _print(paper: Paper, sight: Sight) -> None:
    paper.line(
        f"视频 streams {sight.up}/{len(sight.each)}，逐帧解码 gates open {sight.gates_open}，"
        f"收包 packets {sight.packets_per_s:g}/s，解码 decoded {sight.decoded_per_s:g}/s，"
        f"判断 judged {sight.judged_per_s:g}/s，滞后 lag {sight.lag_s:.2f} s，"
        f"丢帧 lost {sight.lost_frames}"
    )
    paper.line(
        f"处理器 CPU {sight.cpu_ratio:.1%}（上限 bound {sight.cpu_bound:.0%}，{sight.cores:g} 核 cores），"
        f"内存 memory {sight.memory_bytes >> 20} MB（上限 bound {sight.memory_bound_bytes >> 20} MB）"
    )
    if sight.shed_level:
        shed = "，".join(
            f"{_STEP_WORDS.get(name, name)} {streams}"
            for name, streams in sight.steps.items()
            if streams and name != STEPS[0].name
        )
        cause = _CAUSES.get(sight.shed_cause, sight.shed_cause)
        paper.line(
            f"降负荷 shed level {sight.shed_level}（{cause}，自 since {sight.shed_since}）：{shed or '-'}"
        )
    else:
        paper.line("全部照常判断 / every stream is judged in full")
    columns = (
        *("编号 id", "状态 state", "画面 picture", "来源 pictures from", "逐帧 gate", "收包 packets/s"),
        *("解码 decoded/s", "判断 judged/s", "码率 kbit/s", "滞后 lag s", "丢帧 lost", "判断程度 judged"),
    )
    rows = [_row(stream) for stream in sorted(sight.each, key=lambda one: one.device)]
    paper.table(columns, rows, empty="没有视频流 / no stream is watched")


def _row(stream: Stream) -> tuple[object, ...]:
    return (
        stream.device,
        stream.state,
        stream.picture,
        _MODES.get(stream.mode, stream.mode),
        "开 open" if stream.gate_open else "关 shut",
        stream.packets_per_s,
        stream.decoded_per_s,
        stream.judged_per_s,
        stream.kbps,
        stream.lag_s,
        stream.lost_frames,
        _STEP_WORDS.get(stream.step, stream.step),
    )
