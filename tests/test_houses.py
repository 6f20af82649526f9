"""Who may know whom: each side of the house imports without the other's dependencies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

_GUARD = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} must not be needed here")
        return None

BLOCKED = set(sys.argv[2:])
sys.meta_path.insert(0, Refuse())
import importlib, pkgutil
package = importlib.import_module(sys.argv[1].partition("!")[0])
if sys.argv[1].endswith("!"):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", ".env")) and ".versions." not in module.name:
            importlib.import_module(module.name)
loaded = sorted({name.partition(".")[0] for name in sys.modules} & BLOCKED)
assert not loaded, loaded
"""

CENTRE_STACK = (
    "sqlalchemy",
    "alembic",
    "fastapi",
    "starlette",
    "uvicorn",
    "psycopg",
    "argon2",
    "jinja2",
    "standardwebhooks",
    "httpx",
)
BOX_STACK = ("cv2", "av", "zeep", "onvif", "numpy", "lxml")
PLUMBING = ("paho", "prometheus_client", "requests")
ROOMS = ("agent", "controller", "simulator")


def import_without(target: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _GUARD, target, *blocked],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("target", "blocked"),
    [
        ("protocol!", (*CENTRE_STACK, *BOX_STACK, *PLUMBING, *ROOMS, "runtime", "cryptography")),
        ("runtime!", (*CENTRE_STACK, *BOX_STACK, *ROOMS)),
        ("agent!", (*CENTRE_STACK, "controller", "simulator")),
        ("agent.app", (*CENTRE_STACK, "controller", "simulator")),
        ("controller!", (*BOX_STACK, "agent", "simulator")),
        ("controller.app", (*BOX_STACK, "agent", "simulator")),
        (
            "simulator!",
            (*CENTRE_STACK, *PLUMBING, "zeep", "onvif", "protocol", "runtime", "agent", "controller"),
        ),
    ],
)
def test_it_imports_without_what_belongs_to_others(target: str, blocked: tuple[str, ...]) -> None:
    done = import_without(target, *blocked)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_guard_sees_what_it_must() -> None:
    done = import_without("runtime.link", "paho")
    assert done.returncode != 0
    assert "paho" in done.stderr


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
