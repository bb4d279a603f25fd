"""Connections that send or read too slowly, over a transport in memory and a clock that jumps."""

import asyncio
from functools import partial
from time import process_time

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.web.connections import ConnectionLimits, Connections
from app.web.timed_protocol import MOST_PARSING_SECONDS, TimedProtocol
from tests.app.virtual_time import run
from tests.app.web.memory_transport import BUFFER, MemoryTransport

HEAD, SEND, KEEP_ALIVE = 10.0, 20.0, 5.0
LIMITS = ConnectionLimits(total=20, by_address=10, accepted_at_once=8)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Application:
    """Answers ``body`` after some seconds; ``ended`` are the times at which its requests ended."""

    def __init__(self, body: bytes = b"ok", seconds: float = 0) -> None:
        self.body = body
        self.seconds = seconds
        self.ended: list[float] = []
        self.clients: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.clients.append(scope["client"][0])
        if scope["path"] == "/known":
            scope["state"]["caller"] = "somebody"
        await asyncio.sleep(self.seconds)
        headers = [(b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for start in range(0, len(self.body), BUFFER):
            await send({"type": "http.response.body", "body": self.body[start : start + BUFFER], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended.append(asyncio.get_running_loop().time())


class Server:
    """Makes connections to an application."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.connections = Connections(LIMITS)
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="off", timeout_keep_alive=int(KEEP_ALIVE))
        config.load()
        self._protocol = partial(
            TimedProtocol,
            config=config,
            server_state=ServerState(),
            app_state={},
            connections=self.connections,
            head_seconds=HEAD,
            send_seconds=SEND,
        )

    def dial(self, address: str = "10.0.0.1") -> MemoryTransport:
        transport = MemoryTransport(address)
        transport.connect(self._protocol())
        return transport


@pytest.mark.parametrize(
    ("sent", "answers", "closed_at"),
    [
        ([], 0, HEAD),
        ([(0, b"P")], 0, HEAD),
        ([(7, b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-")], 0, HEAD),
        ([(0, b"GET / HTTP/1.1\r\n"), *((second, b"X-A: b\r\n") for second in range(1, 30))], 0, HEAD),
        ([(0, GET)], 1, KEEP_ALIVE),
        ([(0, GET + b"GET / HT")], 1, KEEP_ALIVE),
        ([(0, GET), (4, b"GET / HT"), (8, b"TP")], 1, 4 + HEAD),
        ([(9, GET), (13, GET)], 2, 13 + KEEP_ALIVE),
        ([(0, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nx")], 1, KEEP_ALIVE),
        (
            [
                (0, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n"),
                *((second, b"x") for second in range(1, 30)),
            ],
            1,
            HEAD,
        ),
        (
            [
                (0, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                *((second, b"1\r\nx\r\n") for second in range(1, 30)),
            ],
            1,
            HEAD,
        ),
    ],
    ids=str,
)
def test_a_connection_that_owes_the_server_something_is_closed(
    sent: list[tuple[float, bytes]], answers: int, closed_at: float
) -> None:
    """Nothing, half a head however it dribbles in, half a second head, or the rest of a body that nobody reads."""

    async def scenario() -> MemoryTransport:
        server = Server(Application())
        transport = server.dial()
        for second, data in sent:
            await asyncio.sleep(second - asyncio.get_running_loop().time())
            transport.client_sends(data)
        await asyncio.sleep(60)
        assert len(server.connections) == 0
        return transport

    transport = run(scenario())
    assert transport.closed_at == pytest.approx(closed_at)
    assert transport.received.count(b"HTTP/1.1 200 OK") == answers


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"1;a=b\r\nx\r\n"])
def test_a_body_that_costs_too_much_to_parse_is_cut_off(chunk: bytes) -> None:
    """A quarter of a megabyte of chunks of one byte, whether the body is read or not, holds up nobody for long."""

    async def scenario() -> tuple[MemoryTransport, float]:
        transport = Server(Application()).dial()
        transport.client_sends(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        start = process_time()
        transport.client_sends(chunk * (4_000_000 // len(chunk)))
        return transport, process_time() - start

    transport, seconds = run(scenario())
    assert transport.is_closing()
    assert seconds < 3 * MOST_PARSING_SECONDS


@pytest.mark.parametrize(("size", "answer"), [(30_000, b" 200 "), (40_000, b" 400 ")])
def test_a_head_of_thirty_kilobytes_is_read(size: int, answer: bytes) -> None:
    """A long token or address, sent at once."""

    async def scenario() -> MemoryTransport:
        transport = Server(Application()).dial()
        transport.client_sends(GET.replace(b"Host", b"X-Token: " + b"a" * size + b"\r\nHost"))
        await asyncio.sleep(1)
        return transport

    assert answer in run(scenario()).received[:20]


@pytest.mark.parametrize("length", [b"Content-Length: 2000000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_large_body_is_parsed_at_once(length: bytes) -> None:
    """Two megabytes in one piece, or in chunks of a kilobyte, are no cost."""

    async def scenario() -> MemoryTransport:
        transport = Server(Application()).dial()
        body = b"x" * 2_000_000 if b"Content" in length else (b"400\r\n" + b"x" * 1024 + b"\r\n") * 256 + b"0\r\n\r\n"
        transport.client_sends(b"POST / HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n" + body)
        await asyncio.sleep(1)
        return transport

    transport = run(scenario())
    assert transport.received.count(b"HTTP/1.1 200 OK") == 1


def test_an_answer_may_take_longer_than_a_head_or_reading() -> None:
    """The deadline of a note is another limit; so is that of its body."""

    async def scenario() -> MemoryTransport:
        transport = Server(Application(seconds=300)).dial()
        transport.client_sends(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await asyncio.sleep(100)
        transport.client_sends(b"cd")
        await asyncio.sleep(250)
        return transport

    transport = run(scenario())
    assert transport.received.endswith(b"ok")
    assert transport.closed_at == 300 + KEEP_ALIVE


@pytest.mark.parametrize("requests", [GET, GET * 3, LAST])
def test_an_answer_that_is_not_read_is_dropped(requests: bytes) -> None:
    """Its request ends, so it holds nothing, and only what the transport takes has been made of the answer."""

    async def scenario() -> tuple[MemoryTransport, list[float]]:
        app = Application(b"x" * 20 * BUFFER)
        server = Server(app)
        transport = server.dial()
        transport.reads = False
        transport.client_sends(requests)
        await asyncio.sleep(100)
        assert len(server.connections) == 0
        return transport, app.ended

    transport, ended = run(scenario())
    assert transport.closed_at == SEND
    assert ended == [SEND]
    assert len(transport.received) < 3 * BUFFER


@pytest.mark.parametrize(
    ("request_", "closed_at"), [(LAST, SEND), (GET, KEEP_ALIVE + SEND), (b"no HTTP\r\n\r\n", SEND)]
)
def test_a_small_answer_that_is_not_read_does_not_keep_its_connection(request_: bytes, closed_at: float) -> None:
    """It fits into the buffers, so only the end of the connection waits for the reader."""

    async def scenario() -> MemoryTransport:
        transport = Server(Application()).dial()
        transport.reads = False
        transport.client_sends(request_)
        await asyncio.sleep(100)
        return transport

    assert run(scenario()).closed_at == closed_at


def test_a_slow_reader_that_reads_gets_everything() -> None:
    """The limit is for no progress, not for the whole answer."""
    body = b"x" * 20 * BUFFER

    async def scenario() -> MemoryTransport:
        transport = Server(Application(body)).dial()
        transport.reads = False
        transport.client_sends(LAST)
        while transport.closed_at is None:
            await asyncio.sleep(SEND - 1)
            transport.client_reads()
        return transport

    transport = run(scenario())
    assert transport.received.endswith(body)
    assert transport.closed_at is not None
    assert transport.closed_at > 5 * SEND


def test_a_crowd_keeps_no_newcomer_out() -> None:
    """Idle strangers make room; a known caller that waits for its answer, or for its next request, stays."""

    async def scenario() -> list[MemoryTransport]:
        server = Server(Application(seconds=3))
        waiting, between = server.dial(), server.dial()
        between.client_sends(GET.replace(b"/ ", b"/known ", 1))
        await asyncio.sleep(4)
        waiting.client_sends(GET.replace(b"/ ", b"/known ", 1))
        await asyncio.sleep(0)
        for _ in range(60):
            server.dial().client_sends(b"GET / HT")
        assert len(server.connections) == LIMITS.by_address
        newcomer = server.dial()
        newcomer.client_sends(GET)
        await asyncio.sleep(0)
        between.client_sends(GET.replace(b"/ ", b"/known ", 1))
        await asyncio.sleep(4)
        return [waiting, between, newcomer]

    waiting, between, newcomer = run(scenario())
    assert [transport.received.count(b"200 OK") for transport in (waiting, between, newcomer)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("peer", "seen"), [("::ffff:10.0.0.5", "10.0.0.5"), ("10.0.0.5", "10.0.0.5"), ("2001:db8::5", "2001:db8::5")]
)
def test_an_ipv4_client_of_a_socket_of_both_families_has_its_own_address(peer: str, seen: str) -> None:
    """Otherwise a proxy would be trusted at 0.0.0.0 and not at [::]."""

    async def scenario() -> list[str]:
        app = Application()
        Server(app).dial(peer).client_sends(GET)
        await asyncio.sleep(1)
        return app.clients

    assert run(scenario()) == [seen]
