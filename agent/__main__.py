"""Command line of a box: run it, check its configuration, look after its devices, tune its eyes."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from agent.cli import devices, sight, watching
from agent.cli.desk import WrongArguments, opened
from agent.cli.parser import Misused, Parser
from agent.config import Config, load_config
from agent.devices.redact import redact
from agent.errors import AgentError, ConfigError
from runtime.logs import configure_logs
from runtime.memory import share_heaps

log = logging.getLogger("agent")


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``outpost-agent``; returns the exit status."""
    words = devices.without_name(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser(by_host=devices.is_by_host(words)).parse_args(words)
    except Misused as error:
        print(error.usage, end="", file=sys.stderr)
        _told_json("--json" in words, "wrong_arguments", str(error))
        print(f"错误 / error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    as_json = bool(getattr(options, "json", False))
    configure_logs(level=options.log_level, as_json=options.log_json)
    try:
        if options.by_hand is not None:
            return int(options.by_hand(options))
        return int(options.action(load_config(options.config), options))
    except ConfigError as error:
        is_usage = isinstance(error, WrongArguments)
        heading = "参数有误 / wrong arguments" if is_usage else "配置有误 / the configuration cannot be used"
        print(f"{heading}: {error.where}", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        _told_json(as_json, "wrong_arguments" if is_usage else "bad_configuration", str(error))
        return 2
    except AgentError as error:
        print(str(error), file=sys.stderr)
        _told_json(as_json, "failed", str(error))
        return 1


def _told_json(wanted: bool, kind: str, detail: str) -> None:
    """The one document of a command that could not be carried out."""
    if wanted:
        print(json.dumps({"kind": kind, "detail": redact(detail)}, ensure_ascii=False), flush=True)


def _parser(*, by_host: bool = False) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = Parser(
        prog="outpost-agent", description="Outpost 前哨：村级边缘盒 / village box"
    )
    parser.add_argument(
        "--log-level",
        default="INFO",
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        help="日志级别 / log level",
    )
    parser.add_argument("--log-json", action="store_true", help="每行一个 JSON / one JSON object a line")
    parser.set_defaults(by_hand=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="运行 / run the box until SIGTERM")
    run.set_defaults(action=_run)
    check = commands.add_parser("check", help="检查配置 / read the configuration, touch nothing")
    check.add_argument(
        "--probe", action="store_true", help="同时逐台检测 / also climb the ladder of every device once"
    )
    check.set_defaults(action=_check)
    for command in (run, check):
        command.add_argument(
            "--config", type=Path, required=True, metavar="FILE", help="边缘盒配置 / the box's configuration"
        )
    devices.add_to(commands, by_host=by_host)
    watching.add_to(commands)
    sight.add_to(commands)
    return parser


def _run(config: Config, _options: argparse.Namespace) -> int:
    from agent.app import BoxApp

    share_heaps()
    stopping = threading.Event()
    fatal: list[str] = []

    def on_fatal(worker: str) -> None:
        fatal.append(worker)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    app = BoxApp(config, on_fatal=on_fatal)
    app.start()
    while not stopping.wait(1.0):
        pass
    app.stop()
    for worker in fatal:
        log.critical("worker=%s failed again and again; the process ends so that it is started anew", worker)
    return 1 if fatal else 0


def _check(config: Config, options: argparse.Namespace) -> int:
    from agent.app import device_of, read_mac_key

    read_mac_key(config.centre.mac_key_file)
    devices = [device_of(section) for section in config.devices]
    print(f"box={config.box.id} devices={len(devices)} 配置可用 / configuration is usable")
    if not options.probe:
        return 0
    worst = 0
    with opened(argparse.Namespace(json=False, config=options.config)) as desk:
        for device in desk.devices:
            adapter = desk.room.open(device)
            evidence = adapter.climb()
            adapter.close()
            worst = max(worst, 0 if evidence.reason == "ok" else 1)
            print(f"{device.id}\t{evidence.rung}\t{evidence.reason}\t{evidence.detail}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
