"""What is said to people about a search: what was not asked, what was found and cannot be taken in as it is.

Law: as in ``sentences``.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.sentences import both


def not_asked(subnets: Sequence[str]) -> str:
    named = ", ".join(subnets[:16]) + (" …" if len(subnets) > 16 else "")
    return both(
        f"网段过大或过多，这些网段未全部查找：{named}。请分几次查找，每次最多 16 个 /22",
        f"too large or too many: not every address of {named} was asked; search them in turns, "
        "at most 16 subnets of /22 at a time",
    )
