"""A real receiver of webhook messages, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = "T0B0Wq7s3cr3t"


class Receiver(ThreadingHTTPServer):
    """Answers each post with the next of `answers`, a status and headers; without one it hangs."""

    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.messages = []
        self.paths = []
        self.released = threading.Event()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *exception):
        self.released.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.paths.append(self.path)
        self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if not self.server.answers:
            self.server.released.wait(30)
            return
        status, headers = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        self.do_POST()

    def log_message(self, *arguments):
        """Keep stderr clean."""
