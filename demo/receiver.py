"""The webhook receiver of the demo: prints each event that it is sent, and takes it."""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to everything."""

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(f"{self.headers['content-type']}, webhook-signature: {self.headers['webhook-signature']}")
        print(json.dumps(event, indent=2), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing: the events are what is to be seen."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    print(server.server_address[1], file=sys.stderr, flush=True)
    server.serve_forever()
