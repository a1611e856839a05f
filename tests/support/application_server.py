"""An application server, as a store calls one after a write."""

import base64
import contextlib
import http.server
import json
import threading


class Application(http.server.BaseHTTPRequestHandler):
    """Notes what it is told."""

    def do_POST(self):  # the name is of the standard library
        told = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.path, dict(self.headers), told))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Say nothing."""


@contextlib.contextmanager
def serving_application():
    """Give a server; `told` is what it was told, `answer` what it says, `url` where it is."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Application)
    server.told, server.answer = [], (200, b'{"Status": "OK"}')
    server.url = f"http://127.0.0.1:{server.server_port}/called"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def packed(value):
    """Return a callback's parameter as headers carry it."""
    return base64.b64encode(json.dumps(value).encode()).decode()
