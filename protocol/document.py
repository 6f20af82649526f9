"""Writes ``docs/ref/schemas/*.json`` and ``docs/ref/asyncapi.json``; ``--check`` compares instead.

python -m protocol.document [--check] [--folder docs/ref]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from protocol import asyncapi
from protocol.schemas import all_schemas


def files() -> dict[str, bytes]:
    """Every generated file: path below the folder, and its bytes."""
    schemas = {f"schemas/{name}": _encoded(schema) for name, schema in all_schemas().items()}
    return {"asyncapi.json": _encoded(asyncapi.document()), **schemas}


def differences(folder: Path) -> list[str]:
    """One line for each file under ``folder`` that is missing, differs, or has no model any more."""
    wanted = files()
    lines = []
    for name, content in wanted.items():
        path = folder / name
        if not path.is_file():
            lines.append(f"{name}: missing / 缺少")
        elif path.read_bytes() != content:
            lines.append(f"{name}: not what the models say / 与模型不一致")
    left_over = {f"schemas/{path.name}" for path in (folder / "schemas").glob("*.json")} - set(wanted)
    return lines + [f"{name}: no such message / 没有这种消息" for name in sorted(left_over)]


def write(folder: Path) -> None:
    """Write every file and remove schemas of messages that are no more."""
    wanted = files()
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for path in (folder / "schemas").glob("*.json"):
        if f"schemas/{path.name}" not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_bytes(content)


def main(arguments: list[str] | None = None) -> int:
    """0 when all is written or equal, 1 when ``--check`` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m protocol.document", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing / 只比较不写入")
    parser.add_argument("--folder", type=Path, default=Path("docs/ref"), help="where they are / 所在文件夹")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.folder)
        return 0
    lines = differences(options.folder)
    for line in lines:
        sys.stderr.write(f"{options.folder}/{line}; run python -m protocol.document / 请重新生成\n")
    return 1 if lines else 0


def _encoded(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
