"""A server behind a gateway, on loopback.

    upstream.py PORT

`/` answers at once. `/stream` is a body in chunks that goes on until somebody asks for `/end`, which ends all that run.
"""

import http.server
import sys
import threading

PIECE_BYTES = 1024


def piece(number):
    """The piece of that number of a stream's body."""
    return b"%015d\n" % number * (PIECE_BYTES // 16)


def last_piece(count):
    """What follows the pieces, so many as there were."""
    return b"end %011d\n" % count * (PIECE_BYTES // 16)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    end = threading.Event()

    def do_GET(self):
        if self.path == "/stream":
            self.stream()
            return
        if self.path == "/end":
            # Who runs has the event of old, who comes gets a new one.
            ended, Handler.end = Handler.end, threading.Event()
            ended.set()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nserved\n")

    def stream(self):
        end, count = Handler.end, 0
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while not end.wait(0.02):
                self.chunk(piece(count))
                count += 1
            self.chunk(last_piece(count))
            self.chunk(b"")
        except OSError:
            self.close_connection = True

    def chunk(self, content):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def log_message(self, *_):
        """Says nothing."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        """Says nothing of a gateway that went away."""


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
