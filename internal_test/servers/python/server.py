"""A chat server as one writes it in Python with the module selectors: one thread, non-blocking sockets.

A client with a pending answer to a SEND is not read: so its answers come in order, and a slow reader slows its
senders. Nothing has a limit of time, not even a client that has got its last answer and does not leave.

With --break NAME it does one thing wrong, for tests that must find it (conformance), or for measuring what it costs.
"""

import argparse
import collections
import selectors
import socket
import sys
import unicodedata

NAME = 255  # bytes: the longest name
LINE_NEW = len("HELLO-FROM ") + NAME  # bytes: the longest line before login
HIGH_WATER = 65536  # bytes queued for a client from which on it is not read
LINGER = 65536  # bytes thrown away after the last words

WAYS = {
    "choices": "decides otherwise than chatd what the rules leave open; this is no error",
    "ignore-case": "takes alice and Alice for the same name; this is no error",
    "early-ok": "answers SEND-OK when the DELIVERY is queued",
    "one-read-one-line": "takes what one recv() returns for one line",
    "wait-for-line": "stays in recv() until the line has ended",
    "no-in-use": "does not check whether a name is in use",
    "unauthenticated-listed": "lists clients that have not logged in",
    "keep-names": "does not forget users that have left",
    "wrong-error": "answers an unknown header with a body error",
    "decode": "ends when bytes are no UTF-8",
    "close-on-error": "disconnects a user for a body error",
    "keep-refused": "does not disconnect a client that could not log in",
    "cut-off": "forgets what send() did not take",
    "no-reset": "does not expect that a connection breaks",
    "first-word": "forwards only the first word of a message",
    "ok-anyway": "answers SEND-OK also if no user has the name",
    "relogin": "lets a user take another name",
    "few": "has places for 8 users",
    "mute": "does not print that it is on",
    "drop-slow": "disconnects a client that does not read what is queued for it",
    "block": "waits in send() for a client that does not read",
    "spin": "does not wait for events, and asks for them again and again",
    "fd-leak": "ends connections without closing their descriptors",
    "no-backpressure": "reads on from a client with a pending answer",
}


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.name = None
        self.events = 0  # what the selector waits for
        self.inbox = bytearray()  # begins with a line
        self.scanned = 0  # how much of it has no line end
        self.too_long = False  # the line is, and is thrown away
        self.outbox = bytearray()
        self.sent = 0  # bytes, in all
        self.receipts = collections.deque()  # (how much must be sent, the client that gets SEND-OK then), in order
        self.pending = False  # the answer to a SEND is pending
        self.ended = False  # its input has ended
        self.closing = False  # it gets nothing more but what is in outbox
        self.thrown = 0  # bytes of input since then


class Server:
    def __init__(self, address, port, max_users, max_line, way):
        self.max_users, self.max_line, self.way = 8 if way == "few" else max_users, max_line, way
        self.users = {}  # key(name) -> Client, in login order
        self.clients = set()
        self.completed = collections.deque()  # (sender, the answer to its SEND)
        self.leaked = []
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((address, port), backlog=4096)
        self.listener.setblocking(False)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # those that are accepted inherit it
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self):
        while True:
            for key, events in self.selector.select(0 if self.way == "spin" else None):
                if key.data is None:
                    self.accept()
                elif not key.data.sock:
                    pass  # closed by an earlier event of the same batch
                elif events & selectors.EVENT_WRITE:  # first: there may be nothing to read any more
                    self.flush(key.data)
                    self.carry_on(key.data)
                else:
                    self.read(key.data)
                while self.completed:
                    self.complete(*self.completed.popleft())

    def accept(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        client = Client(sock)
        self.clients.add(client)
        self.watch(client)

    def read(self, client):
        try:
            data = client.sock.recv(16384)
            while data and self.way == "wait-for-line" and not data.endswith(b"\n"):
                client.sock.setblocking(True)
                more = client.sock.recv(16384)
                data = data + more if more else b""
            client.sock.setblocking(False)
        except BlockingIOError:
            return
        except OSError:
            if self.way == "no-reset":
                raise
            return self.drop(client)
        client.ended = not data
        if client.closing:
            client.thrown += len(data)
            return self.finish(client)
        if self.way == "one-read-one-line" and data:
            return self.handle(client, data.rstrip(b"\n"), True)
        client.inbox += data
        self.carry_on(client)

    def carry_on(self, client):
        """Executes the lines that have come from the client, as far as it may now."""
        while client.sock and not (client.closing or client.pending or len(client.outbox) >= HIGH_WATER):
            end = client.inbox.find(b"\n", client.scanned)
            line = client.inbox if end < 0 else client.inbox[:end]
            length = len(line) - (line.endswith(b"\r") and self.way != "choices")
            client.too_long |= length > (self.max_line if client.name else min(self.max_line, LINE_NEW))
            if client.too_long:
                length = min(length, len("HELLO-FROM "))  # which error it earns depends on no more
            line = bytes(line[:length]) if end >= 0 or client.too_long else b""
            if end >= 0:
                del client.inbox[: end + 1]
                client.scanned = 0
                self.handle(client, line, True)
                client.too_long = False
                continue
            if client.too_long:
                client.inbox = bytearray(line)
                if not client.name:
                    self.handle(client, line, False)
            client.scanned = len(client.inbox)
            if client.ended and not client.closing:
                self.leave(client)
            break
        self.watch(client)

    def handle(self, client, line, whole):
        if self.way == "decode":
            line.decode()
        header, space, body = line.partition(b" ")
        if not client.name or self.way == "relogin" and header == b"HELLO-FROM":
            self.log_in(client, header, body, whole)
        elif header == b"LIST":
            bad = space and self.way != "choices"
            self.send(client, b"BAD-RQST-BODY\n" if bad else b"LIST-OK %s\n" % b",".join(self.names()))
        elif header == b"SEND":
            self.message(client, body)
        else:
            wrong = self.way == "wrong-error" and header != b"HELLO-FROM"
            self.send(client, b"BAD-RQST-BODY\n" if wrong else b"BAD-RQST-HDR\n")

    def message(self, client, body):
        name, _, message = (body if self.way == "choices" else body.lstrip(b" ")).partition(b" ")
        target = self.users.get(self.key(name))
        if client.too_long or not message or not (self.is_name(name) or self.way == "choices" and name):
            client.closing = self.way == "close-on-error"
            return self.send(client, b"BAD-RQST-BODY\n")
        if not target or not target.sock:
            return self.send(client, b"SEND-OK\n" if self.way == "ok-anyway" else b"BAD-DEST-USER\n")
        if self.way == "first-word":
            message = message.split()[0]
        client.pending = self.way != "early-ok"
        self.send(target, b"DELIVERY %s %s\n" % (client.name, message), client if client.pending else None)
        if not client.pending:
            self.send(client, b"SEND-OK\n")

    def log_in(self, client, header, name, whole):
        full = len(self.users) >= self.max_users
        in_use = self.key(name) in self.users and self.way != "no-in-use"
        if full and header == b"HELLO-FROM":
            if whole:
                client.closing = self.way == "choices"
                self.send(client, b"BUSY\n")
        elif header == b"HELLO-FROM" and self.is_name(name) and not in_use and not client.too_long:
            if client.name:
                self.log_out(client)
            client.name = self.key(name)
            self.users[client.name] = client
            self.send(client, b"HELLO %s\n" % name)
        else:
            client.closing = self.way != "keep-refused"
            bad = b"IN-USE\n" if in_use and not client.too_long else b"BAD-RQST-BODY\n"
            self.send(client, bad if header == b"HELLO-FROM" else b"BAD-RQST-HDR\n")

    def key(self, name):
        return name.lower() if self.way == "ignore-case" else name

    def names(self):
        if self.way != "unauthenticated-listed":
            return self.users
        return list(self.users) + [b"?" for c in self.clients if not c.name]

    def is_name(self, name):
        if self.way == "choices":
            return name and b" " not in name and b"," not in name
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return False
        return 0 < len(name) <= NAME and not any(c in " ,\u2028\u2029" or unicodedata.category(c) == "Cc" or
                                                "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text)

    def send(self, client, text, sender=None):
        """Queues text for a client. The sender of a message gets SEND-OK when the kernel has taken all of it."""
        waits = bool(client.outbox)
        client.outbox += text
        if self.way == "drop-slow" and len(client.outbox) > HIGH_WATER:
            return self.drop(client, sender)
        if sender:
            client.receipts.append((client.sent + len(client.outbox), sender))
        if not waits:
            self.flush(client)

    def flush(self, client):
        try:
            if self.way == "block":
                client.sock.setblocking(True)
            n = client.sock.send(client.outbox)
        except BlockingIOError:
            n = 0
        except OSError:
            if self.way == "no-reset":
                raise
            return self.drop(client)
        if self.way == "block":
            client.sock.setblocking(False)
        if self.way == "cut-off":
            n = len(client.outbox)
        client.sent += n
        del client.outbox[:n]
        while client.receipts and client.receipts[0][0] <= client.sent:
            self.completed.append((client.receipts.popleft()[1], b"SEND-OK\n"))
        if client.closing and not client.outbox:
            self.finish(client)
        self.watch(client)

    def complete(self, sender, answer):
        if sender.sock:
            sender.pending = False
            self.send(sender, answer)
            self.carry_on(sender)

    def leave(self, client):
        """The client's input has ended, and all of it has been answered."""
        self.log_out(client)
        client.closing = True
        self.finish(client)

    def finish(self, client):
        """Ends a connection in order: to close it with unread input would send a reset."""
        if client.outbox:
            return
        if client.ended or client.thrown >= LINGER or self.way == "choices":
            return self.drop(client)
        try:
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(client)

    def log_out(self, client):
        if self.users.get(client.name) is client and self.way != "keep-names":
            del self.users[client.name]

    def drop(self, client, sender=None):
        if not client.sock:
            return
        self.log_out(client)
        if client.events:
            self.selector.unregister(client.sock)
        self.close(client.sock)
        client.sock = None
        self.clients.discard(client)
        for sender in [s for _, s in client.receipts] + ([sender] if sender else []):
            self.completed.append((sender, b"BAD-DEST-USER\n"))

    def close(self, sock):
        if self.way != "fd-leak":
            return sock.close()
        self.leaked.append(sock)
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def watch(self, client):
        """Waits for what the client's state asks for."""
        if not client.sock:
            return
        events = selectors.EVENT_WRITE if client.outbox else 0
        reads = self.way == "no-backpressure" or not client.pending and len(client.outbox) < HIGH_WATER
        if not client.ended and (client.closing or reads):
            events |= selectors.EVENT_READ
        if client.events and not events:
            self.selector.unregister(client.sock)
        elif events and not client.events:
            self.selector.register(client.sock, events, client)
        elif events != client.events:
            self.selector.modify(client.sock, events, client)
        client.events = events


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5378)
    parser.add_argument("--max-users", type=int, default=1 << 20)
    parser.add_argument("--max-line", type=int, default=1 << 20)
    parser.add_argument("--break", dest="way", choices=WAYS, metavar="NAME", help=", ".join(WAYS))
    args = parser.parse_args()
    server = Server(**vars(args))
    print("listening address=%s:%d" % server.listener.getsockname(), file=sys.stderr, flush=True)
    if args.way != "mute":
        print("Server is on", flush=True)
    server.run()


if __name__ == "__main__":
    main()
