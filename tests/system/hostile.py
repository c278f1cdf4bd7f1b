"""Receivers that answer what no honest one would: raw bytes over TCP, at whatever pace."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

#: In every answer, and in no text that the daemon keeps or logs.
MARK = "swordfish"

#: Gets the connection and what has been read from it.
Answer = Callable[[socket.socket, bytes], None]


@contextlib.contextmanager
def raw_server(answer: Answer) -> Iterator[int]:
    """Listen; each connection is read once and then answered. Gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopped = threading.Event()

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.settimeout(15)
                answer(connection, connection.recv(1 << 16))
                stopped.wait(0.05)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listening.getsockname()[1])
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)


def send(connection: socket.socket, data: bytes, times: int = 1) -> None:
    """Send the same so often, or until the other side has had enough."""
    with contextlib.suppress(OSError):
        for _ in range(times):
            connection.sendall(data)


_M = MARK.encode()

#: Name, bytes, and how often they are sent.
HTTP_ANSWERS: dict[str, tuple[bytes, int]] = {
    "reason-not-utf8": (b"HTTP/1.1 500 \xff\xfe" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "reason-nul": (b"HTTP/1.1 500 a\0" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "reason-surrogate": (b"HTTP/1.1 503 \xed\xa0\x80" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "reason-escapes": (b"HTTP/1.1 503 \x1b[2J\x07" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "reason-long": (b"HTTP/1.1 503 " + _M * 700 + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "reason-huge": (b"HTTP/1.1 503 " + _M * 500_000, 20),
    "gone-not-utf8": (b"HTTP/1.1 410 \xff\xff" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "gone-nul": (b"HTTP/1.1 410 \0" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "no-status": (b"HTTP/1.1\r\n\r\n", 1),
    "status-huge": (b"HTTP/1.1 " + b"9" * 5000 + b" " + _M + b"\r\n\r\n", 1),
    "status-negative": (b"HTTP/1.1 -1 " + _M + b"\r\n\r\n", 1),
    "status-digits": ("HTTP/1.1 \uff15\uff10\uff10 ".encode() + _M + b"\r\n\r\n", 1),
    "status-999": (b"HTTP/1.1 999 " + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "status-000": (b"HTTP/1.1 000 " + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "not-http": (b"\xff\0\xfe" + _M + b"\r\n\r\n", 1),
    "version": (b"HTTP/99999999999999999.7 200 " + _M + b"\r\n\r\n", 1),
    "header-not-utf8": (b"HTTP/1.1 500 x\r\n\xff\xfe: \xff" + _M + b"\r\n\r\n", 1),
    "header-nul": (b"HTTP/1.1 500 x\r\na: b\0" + _M + b"\r\n\r\n", 1),
    "header-none": (b"HTTP/1.1 500 x\r\n: " + _M + b"\r\n\r\n", 1),
    "headers-endless": (b"HTTP/1.1 500 x\r\n" + b"x-a: " + _M * 400 + b"\r\n", 1),
    "headers-many": (b"HTTP/1.1 500 x\r\n" + b"".join(b"x-%d: %b\r\n" % (n, _M) for n in range(20_000)), 20),
    "interim-endless": (b"HTTP/1.1 100 " + _M + b"\r\n\r\n", 20_000),
    "switching": (b"HTTP/1.1 101 " + _M + b"\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n\xff\0", 1),
    "length-huge": (b"HTTP/1.1 500 x\r\ncontent-length: " + b"9" * 4000 + b"\r\n\r\n", 1),
    "length-negative": (b"HTTP/1.1 500 x\r\ncontent-length: -5\r\n\r\n" + _M, 1),
    "length-twice": (b"HTTP/1.1 500 x\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\n" + _M, 1),
    "body-huge": (b"HTTP/1.1 500 x\r\ncontent-length: 2000000000\r\n\r\n" + b"\xff" * 1_000_000, 200),
    "body-cut": (b"HTTP/1.1 500 x\r\ncontent-length: 50\r\n\r\n" + _M, 1),
    "chunk-huge": (b"HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n" + _M, 1),
    "chunk-bad": (b"HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\nzz\xff" + _M + b"\r\n", 1),
    "gzip-bad": (b"HTTP/1.1 500 x\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n" + _M, 1),
    "cookie-bad": (b"HTTP/1.1 500 x\r\nset-cookie: " + _M + b"=\xff\0;;=\r\ncontent-length: 0\r\n\r\n", 1),
    "charset-bad": (b"HTTP/1.1 500 x\r\ncontent-type: text/x; charset=" + _M + b"\r\ncontent-length: 1\r\n\r\n\xff", 1),
    "redirect": (b"HTTP/1.1 302 x\r\nlocation: http://\xff" + _M + b"\r\ncontent-length: 0\r\n\r\n", 1),
    "auth": (b'HTTP/1.1 401 x\r\nwww-authenticate: Digest realm="\xff' + _M + b'"\r\ncontent-length: 0\r\n\r\n', 1),
    "nothing": (b"", 1),
    "silence": (b"", 0),
}

REDIS_ANSWERS: dict[str, tuple[bytes, int]] = {
    "error-nul": (b"-ERR a\0" + _M + b"\r\n", 1),
    "error-not-utf8": (b"-ERR \xff\xfe" + _M + b"\r\n", 1),
    "error-surrogate": (b"-\xed\xa0\x80 " + _M + b"\r\n", 1),
    "error-code": (b"-" + _M.upper() + b" x\r\n", 1),
    "error-mark": (b"-" + _M + b"\r\n", 1),
    "error-empty": (b"-\r\n", 1),
    "error-huge": (b"-ERR " + _M * 500_000, 20),
    "error-moved": (b"-MOVED 1 " + _M + b":1\r\n", 1),
    "error-wrongpass": (b"-WRONGPASS AUTH u " + _M + b"\r\n", 1),
    "error-noscript": (b"-NOSCRIPT " + _M + b"\r\n", 1000),
    "error-noperm": (b"-NOPERM " + _M + b"\r\n", 1000),
    "error-unknown-command": (b"-ERR unknown command '" + _M + b"'\r\n", 1000),
    "bulk-1gb": (b"$1073741824\r\n" + _M * 100_000, 100),
    "bulk-2gb": (b"$2147483648\r\n" + _M, 1),
    "bulk-endless-length": (b"$" + b"9" * 100_000 + b"\r\n", 1),
    "bulk-negative": (b"$-17\r\n", 1),
    "bulk-no-number": (b"$" + _M + b"\r\n", 1),
    "bulk-no-end": (b"$3\r\nabcdef" + _M + b"\r\n", 1),
    "array-huge": (b"*2147483647\r\n" + b":1\r\n" * 100, 1),
    "array-100m": (b"*100000000\r\n", 1),
    "array-deep": (b"*1\r\n" * 100_000, 1),
    "array-negative": (b"*-9\r\n", 1),
    "map-huge": (b"%1000000000\r\n", 1),
    "push": (b">2\r\n+invalidate\r\n+" + _M + b"\r\n", 1000),
    "number-endless": (b":" + b"1" * 100_000 + b"\r\n", 1),
    "number-none": (b":" + _M + b"\r\n", 1),
    "double": (b",1e1000000\r\n", 1),
    "big-number": (b"(" + b"1" * 50_000 + b"\r\n", 1),
    "simple-endless": (b"+" + _M * 500_000, 20),
    "simple-not-utf8": (b"+\xff\0" + _M + b"\r\n", 1000),
    "no-type": (b"\0\xff" + _M + b"\r\n", 1),
    "http": (b"HTTP/1.1 400 " + _M + b"\r\n\r\n", 1),
    "no-crlf": (b"+OK\n" * 1000, 1),
    "cut": (b"$5\r\nab", 1),
    "nothing": (b"", 1),
    "silence": (b"", 0),
}
