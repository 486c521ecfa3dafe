"""Load on a gateway in front of upstream.py, until standard input ends.

    keep_alive.py HOST PORT CONNECTIONS STREAMS

CONNECTIONS stay open and carry one request after the other; STREAMS are downloads that last as long as the load. Says
`running` once there was an answer on each. In the end it prints, as JSON:

    requests   how many there were on the connections
    failed     how many of them got another answer than 200
    dropped    how many connections the other side closed
    streams    how many downloads there were
    broken     how many of them missed a piece, had another, or had no proper end
    versions   how many different headers of plugins the connection saw that saw fewest
"""

import http.client
import json
import sys
import threading

from upstream import PIECE_BYTES, last_piece, piece


class Load:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.under_way = threading.Semaphore(0)
        self.requests = self.failed = self.dropped = self.broken = 0
        self.versions = []

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=10)

    def request_again_and_again(self):
        requests = failed = dropped = 0
        versions = set()
        connection = self.connect()
        while not self.stopped.is_set():
            requests += 1
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                failed += answer.status != 200
                dropped += answer.will_close
                versions.add(plugin_headers(answer))
            except (OSError, http.client.HTTPException):
                failed += 1
                dropped += 1
                connection.close()
                self.stopped.wait(0.01)
            if requests == 1:
                self.under_way.release()
        connection.close()
        with self.lock:
            self.requests += requests
            self.failed += failed
            self.dropped += dropped
            self.versions.append(len(versions))

    def download(self):
        try:
            connection = self.connect()
            connection.request("GET", "/stream")
            whole = is_whole(connection.getresponse(), self.under_way.release)
        except (OSError, http.client.HTTPException):
            whole = False
        with self.lock:
            self.broken += not whole

    def end_downloads(self):
        try:
            connection = self.connect()
            connection.request("GET", "/end")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass  # Then they are broken.


def is_whole(answer, begun):
    """Reads a stream to its end: every piece in its place, then the one that counts them, then nothing."""
    count = 0
    while (content := answer.read(PIECE_BYTES)) == piece(count):
        count += 1
        if count == 1:
            begun()
    return content == last_piece(count) and answer.read() == b""


def plugin_headers(answer):
    headers = ((name.lower(), value) for name, value in answer.getheaders())
    return tuple(header for header in headers if header[0].startswith("x-") and not header[0].startswith("x-envoy-"))


def main():
    host, port, connections, streams = sys.argv[1], *map(int, sys.argv[2:])
    load = Load(host, port)
    work = [load.request_again_and_again] * connections + [load.download] * streams
    threads = [threading.Thread(target=target) for target in work]
    for thread in threads:
        thread.start()
    for _ in threads:
        load.under_way.acquire()
    print("running", flush=True)
    sys.stdin.read()
    load.stopped.set()
    if streams:
        load.end_downloads()
    for thread in threads:
        thread.join()
    counts = {name: getattr(load, name) for name in ("requests", "failed", "dropped", "broken")}
    print(json.dumps(counts | {"streams": streams, "versions": min(load.versions)}))


main()
