"""A server that counts: enough of Redis' protocol for PING, INCR, GET and TALLY.

python server.py HOST PORT. Standard library only.
"""

import socketserver
import sys
import threading

VERSION = "1.0"
counts: dict[bytes, int] = {}
lock = threading.Lock()


class Caller(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        while words := self._command():
            self.wfile.write(self._reply(*words))

    def _command(self):
        head = self.rfile.readline()
        words = []
        for _ in range(int(head[1:] or 0)):
            length = int(self.rfile.readline()[1:])
            words.append(self.rfile.read(length + 2)[:-2])
        return words

    def _reply(self, verb, key=b"", *_):
        with lock:
            match verb.upper():
                case b"PING":
                    return b"+PONG " + VERSION.encode() + b"\r\n"
                case b"INCR":
                    counts[key] = counts.get(key, 0) + 1
                    return b":%d\r\n" % counts[key]
                case b"GET":
                    return b":%d\r\n" % counts.get(key, 0)
                case b"TALLY":
                    return b":%d\r\n" % sum(counts.values())
        return b"-ERR unknown command\r\n"


class Server(socketserver.ThreadingTCPServer):
    """Ends with its process."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server((sys.argv[1], int(sys.argv[2])), Caller) as server:
        server.serve_forever()
