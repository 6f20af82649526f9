"""What TLS to devices costs the box: one handshake beside one kept exchange, and the steady state of 64.

The same simulated cameras with certificates of RSA 2048, in plain text and over TLS; CPU seconds are the
client's own. Resumed: what a handshake would cost if sessions were kept, which the box does not do.
"""

from __future__ import annotations

from bench.devices_cost import NET, OPEN, START, STEADY, STEADY_S, cameras, run, steady_script

HANDSHAKES = 500

_HANDSHAKES = (
    START
    + OPEN
    + """
import contextlib, ssl, time
from agent.devices import tls
from agent.devices.address import Endpoint
from agent.devices.limits import Deadline, Limits
from agent.devices.pins import Pins
from agent.devices.transport import Transport, connect
times = int(sys.argv[2])
secure = Endpoint(hosts[0], 8000, "/", tls=True)
limits, pins = Limits(), Pins()
dial = tls.securely("d", pins, limits=limits)
def cost(act):
    act(); began = used()[0]
    for _ in range(times): act(); time.sleep(0.002)
    return 1000 * (used()[0] - began) / times
def full(): dial(secure, Deadline(5), 1).close()
def plain(): connect(hosts[0], 8000, Deadline(5), connect_s=1).close()
line = Transport("d", limits=limits, dial=dial)
def kept(): line.exchange("GET", secure)
context = tls._context()
import socket
def once(session):
    with socket.create_connection((hosts[0], 8000)) as raw, context.wrap_socket(raw, session=session) as sock:
        sock.sendall(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"); sock.recv(4096)
        return sock.session, sock.session_reused
session, _ = once(None)
assert once(session)[1]
def resumed(): once(session)
def not_resumed(): once(None)
print(json.dumps({"connect_ms": cost(plain), "full_ms": cost(full), "kept_ms": cost(kept),
                  "once_full_ms": cost(not_resumed), "once_resumed_ms": cost(resumed)}))
"""
)


def main() -> None:
    """Print the two tables."""
    hosts = [f"{NET}.{number + 10}" for number in range(STEADY)]
    with cameras(hosts, 'personality = "hik-like"\n'):
        plain = run(steady_script(), hosts, str(STEADY_S))
    with cameras(hosts, 'personality = "hik-like"\ntls = true\n'):
        told = run(_HANDSHAKES, hosts, str(HANDSHAKES))
        print(
            f"CPU ms: TCP connect {told['connect_ms']:.2f}, with handshake and pin {told['full_ms']:.2f}, "
            f"exchange over a kept connection {told['kept_ms']:.2f}; by Python's own ssl, connect and "
            f"exchange: full {told['once_full_ms']:.2f}, resumed {told['once_resumed_ms']:.2f}",
            flush=True,
        )
        secure = run(steady_script(tls=True), hosts, str(STEADY_S))
    for name, figures in (("plain text", plain), ("TLS", secure)):
        share = 100 * figures["cpu_s"] / figures["wall_s"]
        print(
            f"steady, {STEADY} devices, {name}: {share:.2f} % of one core, {figures['mib']:.0f} MiB; "
            f"{figures['climbs']:.0f} climbs, {figures['pulls']:.0f} pulls, "
            f"{figures['failures']:.0f} failures {figures['first']} in {figures['wall_s']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
