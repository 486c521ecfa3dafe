"""Requests on connections that stay open, until standard input ends.

    keep_alive.py HOST PORT CONNECTIONS

Then prints how many requests there were, how many got another answer than 200, and how many connections the other side
closed: `requests failed dropped`.
"""

import http.client
import sys
import threading


class Load:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.requests = self.failed = self.dropped = 0

    def run(self):
        requests = failed = dropped = 0
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        while not self.stopped.is_set():
            requests += 1
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                failed += answer.status != 200
                dropped += answer.will_close
            except (OSError, http.client.HTTPException):
                failed += 1
                dropped += 1
                connection.close()
                self.stopped.wait(0.01)
        connection.close()
        with self.lock:
            self.requests += requests
            self.failed += failed
            self.dropped += dropped


def main():
    host, port, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    load = Load(host, port)
    threads = [threading.Thread(target=load.run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    load.stopped.set()
    for thread in threads:
        thread.join()
    print(load.requests, load.failed, load.dropped)


main()
