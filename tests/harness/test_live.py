"""The live reader on files that grow while it reads."""

import time
from pathlib import Path

from harness.base.clock import Deadline
from harness.capture.events import Event, LineEvent, RegistrationAttempt
from harness.capture.live import LiveReader, stream_head
from tests.harness.decoding import inventory, needs_tshark
from tests.harness.wire import FAILOVER, HOME, PHONE, Dialogue, packet_block, tcp, udp


@needs_tshark
def test_events_come_while_the_files_grow(tmp_path: Path) -> None:
    files = {point: tmp_path / f"{point}.pcapng" for point in ("home", "failover")}
    for path in files.values():
        path.write_bytes(stream_head(["interface"]))
    reader = LiveReader(inventory())
    reader.follow({point: lambda path=path: [path] for point, path in files.items()})  # type: ignore[misc]
    phone = Dialogue()
    request, answer = phone.register(), phone.answer("200 OK", expires=180)
    keepalive = tcp((HOME, 8443), (FAILOVER, 40000), 1000, b"\x17\x03\x03\0\x91" + bytes(145))
    with files["home"].open("ab") as home, files["failover"].open("ab") as failover:
        for frame in (udp((PHONE, 5060), (HOME, 5060), request), udp((HOME, 5060), (PHONE, 5060), answer)):
            home.write(packet_block(time.time(), frame))
        home.flush()
        failover.write(packet_block(time.time(), keepalive) + b"\x06\0\0\0")  # the next block has only begun
    found: list[Event] = []
    deadline = Deadline.after(10)
    while len(found) < 2 and not deadline.passed:
        found += reader.drain()
        time.sleep(0.01)
    reader.close()
    assert {type(event) for event in found} == {RegistrationAttempt, LineEvent}
    assert reader.latency > 0
