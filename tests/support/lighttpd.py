"""Debian's lighttpd on loopback as a camera's web server: HTTP Digest or Basic in front of a device.

Nothing here computes a digest's answer: nonces, their age, ``qop`` and what is refused are lighttpd's own.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Process, find_program, listening, wait_until

REALM = "front"
NONCE_S = 600
"""lighttpd 1.4.69, mod_auth.c: a nonce older than this is answered with a new one and ``stale=true``."""


@dataclass(frozen=True, slots=True)
class Front:
    """A running lighttpd."""

    host: str
    port: int
    log: Path

    def statuses(self) -> Sequence[tuple[str, int]]:
        """What was asked and answered so far: path and status of each request, in order."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return [(path, int(status)) for path, status in (line.split() for line in lines)]

    def refusals(self) -> int:
        """How many requests carried credentials that were refused: lighttpd logs each of them."""
        text = self.log.with_name("error.log").read_text("utf-8", "replace")
        return len(re.findall(r"password doesn't match|digest: auth failed|: password mismatch", text))


@contextmanager
def running(
    folder: Path,
    *,
    host: str,
    port: int,
    behind: tuple[str, int],
    username: str,
    password: str,
    algorithm: str = "MD5",
    basic: Sequence[str] = (),
    open_paths: Sequence[str] = (),
) -> Iterator[Front]:
    """A front on ``host:port`` for the server ``behind``, ended afterwards.

    ``algorithm`` as lighttpd writes it: ``MD5``, ``SHA-256`` or ``MD5|SHA-256``. ``basic``: path prefixes
    that want HTTP Basic instead of Digest; ``open_paths``: prefixes that want nothing.
    """
    program = find_program("lighttpd")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "lighttpd.conf"
    (folder / "digest.users").write_text(_htdigest(username, password, algorithm))
    (folder / "plain.users").write_text(f"{username}:{password}\n")
    config.write_text(_config(folder, host, port, behind, algorithm, basic, open_paths))
    front = Front(host, port, folder / "access.log")
    process = Process([program, "-D", "-f", str(config)], log=folder / "output.log")
    try:
        wait_until(
            lambda: listening(host, port) or not process.running,
            within_s=15,
            what=f"lighttpd on {host}:{port}",
        )
        assert process.running, process.tail()
        yield front
    finally:
        process.stop()


def old_nonce(fresh: str, *, age_s: int) -> str:
    """A nonce as this lighttpd would have handed it out ``age_s`` ago: hex seconds, colon, noise."""
    _, colon, noise = fresh.partition(":")
    assert colon, f"not a nonce of lighttpd: {fresh}"
    return f"{int(time.time()) - age_s:x}:{noise}"


def _htdigest(username: str, password: str, algorithm: str) -> str:
    """Lines of htdigest(1), one for each algorithm; lighttpd tells them apart by their length."""
    known = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
    secret = f"{username}:{REALM}:{password}".encode()
    return "".join(f"{username}:{REALM}:{known[name](secret).hexdigest()}\n" for name in algorithm.split("|"))


def _config(
    folder: Path,
    host: str,
    port: int,
    behind: tuple[str, int],
    algorithm: str,
    basic: Sequence[str],
    open_paths: Sequence[str],
) -> str:
    digest = f'"method" => "digest", "algorithm" => "{algorithm}"'
    ways = [(path, '"method" => "basic"') for path in basic]
    spared = "|".join(re.escape(path) for path in (*basic, *open_paths)) or "$^"
    required = f', "realm" => "{REALM}", "require" => "valid-user"'
    plain = "".join(
        f'$HTTP["url"] =~ "^{re.escape(path)}" {{\n'
        '  auth.backend = "plain"\n'
        f'  auth.require = ( "" => ( {way}{required} ) )\n}}\n'
        for path, way in ways
    )
    return f"""
server.modules = ( "mod_auth", "mod_authn_file", "mod_accesslog", "mod_proxy" )
server.document-root = "{folder}"
server.bind = "{host}"
server.port = {port}
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/access.log"
accesslog.format = "%U %s"
auth.backend.htdigest.userfile = "{folder}/digest.users"
auth.backend.plain.userfile = "{folder}/plain.users"
auth.cache = ()
proxy.server = ( "" => ( ( "host" => "{behind[0]}", "port" => {behind[1]} ) ) )
$HTTP["url"] !~ "^({spared})" {{
  auth.backend = "htdigest"
  auth.require = ( "" => ( {digest}{required} ) )
}}
{plain}"""
