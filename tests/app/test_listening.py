"""The socket of the service."""

import asyncio
import socket

from app.listening import listen


def test_the_second_half_of_an_answer_is_sent_at_once() -> None:
    """A connection waits for no acknowledgement between two writes."""

    async def nodelay_of_a_connection() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0, no_auth=True) as bound:
            async with await asyncio.start_server(answer, sock=bound) as server:
                _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                try:
                    return await accepted
                finally:
                    writer.close()

    assert asyncio.run(nodelay_of_a_connection()) == 1
