"""The webhook receiver of the demo, on the port that is its argument: prints and takes each event that it is sent."""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to everything."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        print(f"{self.headers['content-type']}, webhook-signature: {self.headers['webhook-signature']}")
        print(indented(body), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: the events are what is to be seen."""


def indented(body: bytes) -> str:
    """JSON on several lines, its numbers to the digit: as a float, 42.50 would lose one."""
    event = json.loads(body, parse_float=lambda digits: f"\0{digits}")
    return re.sub(r'"\\u0000([^"]*)"', r"\1", json.dumps(event, indent=2))


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
