"""Writes ``docs/ref/agent-config.md`` from the configuration's models; ``--check`` compares instead.

python -m agent.config_reference [--check] [--file docs/ref/agent-config.md]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config import Config

_HEAD = """# The box's configuration 边缘盒配置

Generated from the models by `python -m agent.config_reference`; do not edit. 由程序生成，请勿手改。

One TOML file. Unknown keys are refused and all problems are shown at once. Secrets stand in files of their
own; the configuration names their paths. 未知的项会被拒绝；所有问题一次列出；密码只写在单独的文件里。
"""


def reference() -> str:
    """The whole page."""
    schema = Config.model_json_schema(by_alias=True)
    sections = list(_sections(schema, schema, path="", many=False))
    return _HEAD + "".join(_page(*section) for section in sections)


def _sections(
    root: dict[str, Any], node: dict[str, Any], *, path: str, many: bool
) -> Iterator[tuple[str, bool, dict[str, Any], dict[str, Any]]]:
    if path:
        yield path, many, root, node
    for name, field in node["properties"].items():
        inner, repeated = _section_of(root, field)
        if inner is not None:
            yield from _sections(root, inner, path=f"{path}.{name}".lstrip("."), many=repeated)


def _section_of(root: dict[str, Any], field: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """The section a field leads to, and whether it may stand several times; None for a plain value."""
    target = field.get("items", field)
    inner = _resolved(root, target) if isinstance(target, dict) else {}
    return (inner, "items" in field) if "properties" in inner else (None, False)


def _resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return dict(root["$defs"][name]) if name else node


def _page(path: str, many: bool, root: dict[str, Any], section: dict[str, Any]) -> str:
    title = f"[[{path}]]" if many else f"[{path}]"
    lines = [
        f"\n## `{title}`\n\n{section.get('description', '')}\n\n",
        "| key | type | default | meaning |\n",
    ]
    lines.append("|---|---|---|---|\n")
    required = section.get("required", [])
    for name, field in section["properties"].items():
        if _section_of(root, field)[0] is not None:
            continue
        default = "**required**" if name in required else _default(field.get("default"))
        kind = _kind(root, field)
        lines.append(f"| `{name}` | {kind} | {default} | {field.get('description', '')} |\n")
    return "".join(lines)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in ("", []) else "empty"


def _kind(root: dict[str, Any], field: dict[str, Any]) -> str:
    options = [_resolved(root, one) for one in field.get("anyOf", field.get("allOf", [field]))]
    return " or ".join(_one_kind(root, one) for one in options if one.get("type") != "null")


def _one_kind(root: dict[str, Any], node: dict[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "prefixItems" in node:
        return "pair of numbers 0 to 1"
    if node.get("type") == "array":
        inner = node.get("items")
        of = f" of {_kind(root, inner)}" if isinstance(inner, dict) else ""
        return f"list{of}{_bounds(node, 'minItems', 'maxItems', ' entries')}"
    name = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false"}
    base = "path" if node.get("format") == "path" else name.get(str(node.get("type")), str(node.get("type")))
    pattern = f" `{node['pattern']}`" if "pattern" in node else ""
    length = _bounds(node, "minLength", "maxLength", " characters")
    above = f" above {node['exclusiveMinimum']:g}" if "exclusiveMinimum" in node else ""
    return f"{base}{pattern}{length}{above}{_bounds(node, 'minimum', 'maximum', '')}"


def _bounds(node: dict[str, Any], low: str, high: str, unit: str) -> str:
    if low in node and high in node:
        return f" {node[low]} to {node[high]}{unit}"
    if high in node:
        return f" up to {node[high]}{unit}"
    return f" from {node[low]}{unit}" if low in node else ""


def main(arguments: list[str] | None = None) -> int:
    """0 when it is written or equal, 1 when ``--check`` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m agent.config_reference")
    parser.add_argument("--check", action="store_true", help="只比较不写入 / compare, write nothing")
    parser.add_argument("--file", type=Path, default=Path("docs/ref/agent-config.md"), help="文件 / the page")
    options = parser.parse_args(arguments)
    if not options.check:
        options.file.write_text(reference(), "utf-8")
        return 0
    if options.file.is_file() and options.file.read_text("utf-8") == reference():
        return 0
    sys.stderr.write(f"{options.file} is not what the models say; run python -m agent.config_reference\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
