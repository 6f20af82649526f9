"""Command line of the centre: run it, and what an administrator does beside it.

Law: a secret is printed once, on standard output, and never taken as an argument.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from controller.config import Config, ConfigError, load_config
from controller.domain.refusals import Refused
from controller.domain.roles import PEOPLE, Role, Scope
from runtime.clock import SystemClock
from runtime.logs import configure_logs

log = logging.getLogger("controller")
ACTOR = "cli"
Action = Callable[[Config, argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``outpost-controller``; returns the exit status: 0 done, 1 refused, 2 configuration."""
    options = _parser().parse_args(arguments)
    configure_logs(level=options.log_level, as_json=options.log_json)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return _configured(options) if "config" in options else int(options.action(options))


def _configured(options: argparse.Namespace) -> int:
    """What needs the configuration. The database's libraries take a second to load: only where needed."""
    from controller.db.engine import DatabaseUnusable

    action: Action = options.action
    try:
        return action(load_config(options.config), options)
    except ConfigError as error:
        print(f"配置有误 / the configuration cannot be used: {error.where}", file=sys.stderr)
        for problem in error.problems:
            print(f"  - {problem}", file=sys.stderr)
        return 2
    except Refused as refused:
        print(f"{refused.zh} {refused.en}", file=sys.stderr)
        return 1
    except (DatabaseUnusable, OSError) as error:
        print(str(error), file=sys.stderr)
        return 1


# --- run -------------------------------------------------------------------------------------------


def _run(config: Config, _options: argparse.Namespace) -> int:
    from controller.app import Centre, StartRefused

    stopping = threading.Event()
    fatal: list[str] = []

    def on_fatal(name: str) -> None:
        fatal.append(name)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    centre = Centre(config, on_fatal=on_fatal)
    try:
        centre.start()
    except StartRefused as refused:
        print(str(refused), file=sys.stderr)
        return 1
    stopping.wait()
    log.info("centre stops reason=%s", fatal[0] if fatal else "signal")
    centre.stop()
    return 1 if fatal else 0


def _migrate(config: Config, _options: argparse.Namespace) -> int:
    from controller.db.schema import revision
    from controller.opening import open_core

    core = open_core(config, SystemClock())
    print(f"数据库版本 / database is at {revision(core.store.engine)}")
    core.store.close()
    return 0


def _check(config: Config, _options: argparse.Namespace) -> int:
    """The invariants over the whole database, and the audit log's chain."""
    from controller.db import audit
    from controller.domain.chain import first_break
    from controller.opening import open_core
    from controller.services.invariants import violations

    core = open_core(config, SystemClock())
    found = [str(violation) for violation in violations(core.store)]
    with core.store.read() as connection:
        head = audit.head(connection)
        broken = first_break(audit.walk(connection, upto=head[0]), head=head)
    core.store.close()
    if broken is not None:
        found.append(f"audit: {broken.why}")
    for line in found:
        print(line)
    print("不变量全部成立 / every invariant holds" if not found else f"{len(found)} 处不符 / violations")
    return 1 if found else 0


# --- registering -----------------------------------------------------------------------------------


def _user_add(config: Config, options: argparse.Namespace) -> int:
    from controller.opening import open_core
    from controller.services.sign_in import Grant

    password, made = _password(options.password_file)
    core = open_core(config, SystemClock())
    core.sign_in.add_account(
        options.login,
        password,
        Grant(Role(options.role), options.place, tuple(options.category)),
        title=options.title,
        lasts=None if options.days is None else timedelta(days=options.days),
        actor=ACTOR,
    )
    core.store.close()
    print(f"账号已建立 / account added: {options.login} ({options.role})")
    if made:
        print(f"口令（仅显示一次） / password (shown this once): {password}")
    return 0


def _user_password(config: Config, options: argparse.Namespace) -> int:
    from controller.opening import open_core

    password, made = _password(options.password_file)
    core = open_core(config, SystemClock())
    core.sign_in.set_password(options.login, password, actor=ACTOR)
    core.store.close()
    print(f"口令已更改，原有会话已退出 / password set, sessions ended: {options.login}")
    if made:
        print(f"口令（仅显示一次） / password (shown this once): {password}")
    return 0


def _box_add(config: Config, options: argparse.Namespace) -> int:
    from controller.db import audit
    from controller.opening import open_core
    from controller.services.boxes import BoxRefused, read_key, register

    clock = SystemClock()
    core = open_core(config, clock)
    try:
        with core.store.write() as transaction:
            register(
                transaction,
                box_id=options.id,
                title=options.title,
                civil_code=options.civil_code,
                mac_key=read_key(options.key_file),
                now=clock.now(),
            )
            audit.append(
                transaction.connection,
                at=clock.now(),
                actor=ACTOR,
                action="box_added",
                subject=f"box:{options.id}",
                detail={"civil_code": options.civil_code},
            )
    except BoxRefused as refused:
        print(str(refused), file=sys.stderr)
        return 1
    finally:
        core.store.close()
    print(f"边缘盒已登记 / box registered: {options.id} {options.title}")
    return 0


def _box_revoke(config: Config, options: argparse.Namespace) -> int:
    from controller.db import audit
    from controller.opening import open_core
    from controller.services.boxes import BoxRefused, revoke

    clock = SystemClock()
    core = open_core(config, clock)
    try:
        with core.store.write() as transaction:
            revoke(transaction, options.id)
            audit.append(
                transaction.connection,
                at=clock.now(),
                actor=ACTOR,
                action="box_revoked",
                subject=f"box:{options.id}",
            )
    except BoxRefused as refused:
        print(str(refused), file=sys.stderr)
        return 1
    finally:
        core.store.close()
    print(f"边缘盒已停用 / box revoked: {options.id}")
    return 0


def _client_add(config: Config, options: argparse.Namespace) -> int:
    from controller.opening import open_core
    from controller.services.sign_in import Grant

    core = open_core(config, SystemClock())
    grant = Grant(Role.API_CLIENT, options.place, tuple(options.category))
    token = core.sign_in.add_client(options.id, grant, title=options.title, actor=ACTOR)
    core.store.close()
    print(f"接口客户端已登记 / API client registered: {options.id}")
    print(f"令牌（仅显示一次） / token (shown this once): {token}")
    return 0


def _subscription_add(config: Config, options: argparse.Namespace) -> int:
    from controller.opening import open_core

    core = open_core(config, SystemClock())
    secret = None if options.secret_file is None else options.secret_file.read_text("ascii").strip()
    added, chosen = core.subscriptions.add(
        title=options.title,
        url=options.url,
        scope=Scope(options.place, tuple(options.category)),
        types=tuple(options.type),
        actor=ACTOR,
        secret=secret,
        from_start=options.from_start,
    )
    core.store.close()
    print(f"订阅已建立 / subscription added: {added.id} {added.url}")
    if secret is None:
        print(f"签名密钥（仅显示一次） / signing secret (shown this once): {chosen}")
    return 0


def _anomalies(config: Config, options: argparse.Namespace) -> int:
    from controller.db import lists
    from controller.opening import open_core

    core = open_core(config, SystemClock())
    with core.store.read() as connection:
        rows = lists.anomalies(connection, lists.Page(options.limit))
    core.store.close()
    for row in rows:
        print(f"{row['at']:%Y-%m-%d %H:%M:%S}Z box={row['box_id'] or '-'} refused={row['refusal']}"
              f" count={row['count']} what={row['what']}")  # fmt: skip
    if not rows:
        print("没有被拒绝的输入 / nothing was refused")
    return 0


def _password(file: Path | None) -> tuple[str, bool]:
    """The password of a file, or a random one; and whether it was made here."""
    if file is not None:
        return file.read_text("utf-8").strip(), False
    return secrets.token_urlsafe(15), True


# --- certificates, before there is a configuration ---------------------------------------------------


def _authority_init(options: argparse.Namespace) -> int:
    from controller.services.authority import AuthorityError, create_authority

    try:
        create_authority(options.dir, name=options.name, now=SystemClock().now())
    except AuthorityError as error:
        print(str(error), file=sys.stderr)
        return 1
    print(f"证书机构已建立，ca.key 请离线保管 / authority made, keep ca.key offline: {options.dir}")
    return 0


def _authority_issue(options: argparse.Namespace) -> int:
    from controller.services.authority import AuthorityError, issue_certificate

    try:
        issue_certificate(
            options.dir, name=options.name, now=SystemClock().now(), servers=tuple(options.server)
        )
    except AuthorityError as error:
        print(str(error), file=sys.stderr)
        return 1
    print(f"证书已签发 / certificate issued: {options.dir / options.name}.crt")
    return 0


# --- the parser ------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="outpost-controller", description="Outpost 前哨: county centre / 县中心"
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    parser.add_argument("--log-json", action="store_true", help="one JSON object a line")
    top = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(top, "run", _run, "run the centre until SIGTERM / 运行")
    _command(top, "migrate", _migrate, "bring the database to this version / 升级数据库")
    _command(top, "check", _check, "check the invariants and the audit log / 核对不变量与审计")
    anomalies = _command(top, "anomalies", _anomalies, "what was refused at the door / 被拒绝的输入")
    anomalies.add_argument("--limit", type=int, default=50)
    _authority_commands(top)
    _user_commands(top)
    _box_commands(top)
    clients = top.add_parser("client", help="API clients / 接口客户端").add_subparsers(required=True)
    client = _command(clients, "add", _client_add, "register an API client / 登记")
    client.add_argument("--id", required=True)
    _scope_arguments(client)
    hooks = top.add_parser("subscription", help="webhooks / 推送订阅").add_subparsers(required=True)
    hook = _command(hooks, "add", _subscription_add, "subscribe a webhook / 建立订阅")
    hook.add_argument("--url", required=True, help="must be on the allow-list feed.target")
    hook.add_argument("--type", action="append", default=[], help="event type; repeat; none means all")
    hook.add_argument("--secret-file", type=Path, help="whsec_… in a file; else one is made and shown")
    hook.add_argument("--from-start", action="store_true", help="send the whole feed, not from now on")
    _scope_arguments(hook)
    return parser


def _authority_commands(top: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = top.add_parser("authority", help="certificates / 证书").add_subparsers(required=True)
    init = group.add_parser("init", help="make the county's authority / 建立证书机构")
    init.add_argument("--name", default="Outpost County CA")
    init.set_defaults(action=_authority_init)
    issue = group.add_parser("issue", help="sign a box's or a server's certificate / 签发证书")
    issue.add_argument("--name", required=True, help="box id, or a server's name")
    issue.add_argument(
        "--server", action="append", default=[], help="host or address; makes a server certificate"
    )
    issue.set_defaults(action=_authority_issue)
    for command in (init, issue):
        command.add_argument("--dir", type=Path, required=True, help="folder of ca.crt and ca.key")


def _user_commands(top: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    users = top.add_parser("user", help="accounts / 账号").add_subparsers(required=True)
    user = _command(users, "add", _user_add, "add an account / 建立账号")
    user.add_argument("--login", required=True)
    user.add_argument("--role", required=True, choices=sorted(PEOPLE))
    user.add_argument("--days", type=int, help="the account ends after so many days (contractors)")
    user.add_argument("--password-file", type=Path, help="else a random one is made and shown")
    _scope_arguments(user)
    password = _command(users, "password", _user_password, "set a password, end sessions / 重设口令")
    password.add_argument("--login", required=True)
    password.add_argument("--password-file", type=Path, help="else a random one is made and shown")


def _box_commands(top: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = top.add_parser("box", help="village boxes / 边缘盒").add_subparsers(required=True)
    box = _command(group, "add", _box_add, "register a box / 登记")
    box.add_argument("--id", required=True)
    box.add_argument("--title", required=True, help="name of the village or place")
    box.add_argument("--civil-code", required=True, help="9 digits of a town, 12 of a village")
    box.add_argument("--key-file", type=Path, required=True, help="32 bytes in base64")
    gone = _command(group, "revoke", _box_revoke, "believe a box no more / 停用")
    gone.add_argument("--id", required=True)


def _scope_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("--title", default="")
    command.add_argument("--place", default="", help="civil code prefix; empty: the whole county")
    command.add_argument("--category", action="append", default=[], help="category prefix; repeat")


def _command(
    group: argparse._SubParsersAction[argparse.ArgumentParser], name: str, action: Action, text: str
) -> argparse.ArgumentParser:
    command = group.add_parser(name, help=text)
    command.add_argument("--config", type=Path, required=True, metavar="FILE")
    command.set_defaults(action=action)
    return command


if __name__ == "__main__":
    sys.exit(main())
