"""A registry that has trouble: a proxy in front of one, on loopback.

    faulty_proxy.py PORT REGISTRY FILE

FILE says what happens to requests from now on:

    pass                     nothing
    slow SECONDS [PART]      each answer takes so much longer, at most until FILE says something else; with PART only
                             of what has that in its path
    status CODE [SECONDS]    each answer is that one, with `Retry-After`
    cut                      of each blob half of what was asked for comes, then the connection ends
    login USER:PASSWORD      who does not say that gets nothing

With `once` in front it happens to one request, then `pass` does. For each request a line is printed: the time in
seconds, what happened, the method, the path and the range that was asked for. Of a login it is `denied` or `pass`.
"""

import base64
import http.client
import http.server
import pathlib
import sys
import threading
import time

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "server", "date"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lock = threading.Lock()
    registry, fault_file = "", pathlib.Path()

    def do_GET(self):
        fault = self.fault()
        if fault[0] == "login":
            fault = ["pass"] if self.says(fault[1]) else ["denied"]
        self.note(fault[0])
        if fault[0] == "status":
            self.refuse(*fault[1:])
            return
        if fault[0] == "denied":
            self.refuse(401, challenge='Basic realm="the proxy"')
            return
        if fault[0] == "slow":
            self.linger(fault)
        self.forward(cut=fault[0] == "cut")

    do_HEAD = do_GET

    def note(self, fault):
        asked = f"{self.command} {self.path} {self.headers.get('Range', '-')}"
        # In one piece: others write too.
        sys.stdout.write(f"{time.monotonic():.2f} {fault} {asked}\n")
        sys.stdout.flush()

    def says(self, login):
        return self.headers.get("Authorization") == "Basic " + base64.b64encode(login.encode()).decode()

    def linger(self, fault):
        end = time.monotonic() + float(fault[1])
        while time.monotonic() < end and self.fault_file.read_text().split() == fault:
            time.sleep(0.05)

    def fault(self):
        with self.lock:
            once, *fault = words = self.fault_file.read_text().split()
            if once != "once":
                fault = words
            part = {"cut": "/blobs/", "slow": "".join(fault[2:])}.get(fault[0], "")
            if part not in self.path:
                return ["pass"]
            if once == "once":
                self.fault_file.write_text("pass\n")
            return fault

    def refuse(self, code, retry_after=None, challenge=None):
        body = b'{"errors":[{"code":"UNKNOWN","message":"the proxy is at fault"}]}'
        self.send_response(int(code))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def forward(self, cut):
        connection = http.client.HTTPConnection(self.registry, timeout=30)
        asked = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, headers=asked)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        if cut:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *_):
        """The line is printed elsewhere."""


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Says nothing of an agent that went away."""


def main():
    port, Handler.registry, file = int(sys.argv[1]), *sys.argv[2:]
    Handler.fault_file = pathlib.Path(file)
    Server(("127.0.0.1", port), Handler).serve_forever()


main()
