"""Every route declares a permission, and every role meets exactly the table: one test for each pair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI

from controller.api.access import OPEN, AnyoneKnown, Gate, gates, require_declared
from controller.api.build import build_api
from controller.db.engine import open_engine
from controller.db.transaction import Store
from controller.domain.roles import MATRIX, PEOPLE, Permission, Role
from controller.services.sign_in import Grant
from controller.web import pages
from tests.support import doors

WHOLE = build_api(None, pages=(pages.router,))


def routes() -> list[tuple[str, str, Gate]]:
    """Method, path and gate of everything that is served."""
    found = []
    for route, declared in gates(WHOLE):
        found += [(method, route.path, declared[0]) for method in sorted(route.methods or ())]
    return sorted(found, key=lambda item: item[:2])


def test_the_start_stops_at_a_route_without_a_declaration() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter()
    router.add_api_route("/declared", lambda: 1, dependencies=[OPEN])
    app.include_router(router)
    require_declared(app)
    router.add_api_route("/v1/forgotten", lambda: 1, methods=["POST"])
    with pytest.raises(RuntimeError, match="/v1/forgotten"):
        require_declared(app)


def test_the_start_stops_at_a_mount_nobody_declared() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/secret", FastAPI())
    with pytest.raises(RuntimeError, match="/secret"):
        require_declared(app)


def test_the_open_routes_are_these_and_no_others() -> None:
    open_ones = {
        (method, path)
        for method, path, gate in routes()
        if gate.permission is None and not isinstance(gate, AnyoneKnown)
    }
    assert open_ones == {
        ("POST", "/v1/session"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("GET", "/language/{language}"),
        ("GET", "/static/{name}"),
    }


@pytest.fixture(scope="module")
def door(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[doors.Door]:
    """One door for the whole matrix: nothing here changes anything that another pair sees."""
    file = tmp_path_factory.mktemp("matrix") / "controller.db"
    file.write_bytes(sqlite_template.read_bytes())
    store = Store(open_engine(f"sqlite:///{file}"))
    with doors.opened(doors.web_on(store, file.parent / "evidence")) as opened:
        yield opened
    store.close()


@pytest.fixture(scope="module")
def cookies(door: doors.Door) -> dict[Role, dict[str, str]]:
    """A session for each role that signs in, a token for the one that does not."""
    found = {}
    for role in PEOPLE:
        with door.person(role) as client:
            session = client.cookies["outpost_session"]
            found[role] = {"cookie": f"outpost_session={session}", "origin": door.url}
    token = door.rooms.sign_in.add_client("matrix", Grant(Role.API_CLIENT), actor="test")
    found[Role.API_CLIENT] = {"authorization": f"Bearer {token}"}
    return found


GATED = [
    (method, path, gate.permission)
    for method, path, gate in routes()
    if gate.permission not in (None, Permission.UPLOAD)
]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.BOX}))
@pytest.mark.parametrize(("method", "path", "permission"), GATED, ids=lambda value: str(value))
def test_a_role_passes_exactly_where_the_matrix_says(
    door: doors.Door,
    cookies: dict[Role, dict[str, str]],
    role: Role,
    method: str,
    path: str,
    permission: Permission,
) -> None:
    with door.guest() as client:
        del client.headers["origin"]
        answer = client.request(method, path.replace("{", "").replace("}", ""), headers=cookies[role])
    allowed = permission in MATRIX[role]
    assert (answer.status_code != 403) == allowed, answer.text
    assert answer.status_code != 401


@pytest.mark.parametrize(("method", "path", "permission"), GATED, ids=lambda value: str(value))
def test_nobody_passes_without_signing_in(
    door: doors.Door, method: str, path: str, permission: Permission
) -> None:
    with door.guest() as client:
        answer = client.request(method, path.replace("{", "").replace("}", ""))
    if path.startswith("/v1"):
        assert answer.status_code == 401, permission
        assert answer.json()["code"] == "not_signed_in"
    else:
        assert answer.status_code in (303, 401)
        assert answer.headers.get("location", "/sign-in").startswith("/sign-in")
