"""A chat server as one writes it in Python with the module selectors: one thread, non-blocking sockets.

A client that is owed the answer to a SEND is not read: so its answers come in order, and a slow reader slows its
senders. Nothing has a limit of time, not even a client that has been told its last words and does not go.
"""

import argparse
import collections
import selectors
import socket
import sys

LINE_NEW = 4096  # bytes: the longest line before login
HIGH_WATER = 65536  # bytes queued for a client from which on it is not read
LINGER = 65536  # bytes thrown away after the last words


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
        self.receipts = collections.deque()  # (how much must be sent, who is to hear SEND-OK then), in order
        self.owed = False  # it waits for SEND-OK
        self.ended = False  # it says no more
        self.closing = False  # nothing more is said to it but what is in outbox
        self.thrown = 0  # bytes of input since then


class Server:
    def __init__(self, address, port, max_users, max_line):
        self.max_users, self.max_line = max_users, max_line
        self.users = {}  # name -> Client, in login order
        self.settled = collections.deque()  # (sender, the answer to its SEND)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((address, port), backlog=4096)
        self.listener.setblocking(False)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)  # those that are accepted inherit it
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def run(self):
        while True:
            for key, events in self.selector.select():
                if key.data is None:
                    self.accept()
                elif events & selectors.EVENT_WRITE:  # first: there may be nothing to read any more
                    self.flush(key.data)
                    self.carry_on(key.data)
                else:
                    self.read(key.data)
                while self.settled:
                    self.settle(*self.settled.popleft())

    def accept(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        self.watch(Client(sock))

    def read(self, client):
        try:
            data = client.sock.recv(16384)
        except BlockingIOError:
            return
        except OSError:
            return self.drop(client)
        client.ended = not data
        if client.closing:
            client.thrown += len(data)
            return self.finish(client)
        client.inbox += data
        self.carry_on(client)

    def carry_on(self, client):
        """Carries out the lines that the client has said, as far as it may now."""
        while client.sock and not (client.closing or client.owed or len(client.outbox) >= HIGH_WATER):
            end = client.inbox.find(b"\n", client.scanned)
            line = client.inbox if end < 0 else client.inbox[:end]
            length = len(line) - line.endswith(b"\r")
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
        header, space, body = line.partition(b" ")
        if not client.name:
            self.greet(client, header, body, whole)
        elif header == b"LIST":
            self.send(client, b"BAD-RQST-BODY\n" if space else b"LIST-OK %s\n" % b",".join(self.users))
        elif header == b"SEND":
            name, _, message = body.lstrip(b" ").partition(b" ")
            if client.too_long or not message or not is_name(name):
                self.send(client, b"BAD-RQST-BODY\n")
            elif name not in self.users:
                self.send(client, b"BAD-DEST-USER\n")
            else:
                client.owed = True
                self.send(self.users[name], b"DELIVERY %s %s\n" % (client.name, message), client)
        else:
            self.send(client, b"BAD-RQST-HDR\n")

    def greet(self, client, header, name, whole):
        full = len(self.users) >= self.max_users
        if full and header == b"HELLO-FROM":
            if whole:
                self.send(client, b"BUSY\n")
        elif header == b"HELLO-FROM" and is_name(name) and name not in self.users and not client.too_long:
            client.name = name
            self.users[name] = client
            self.send(client, b"HELLO %s\n" % name)
        else:
            client.closing = True
            bad = b"IN-USE\n" if name in self.users and not client.too_long else b"BAD-RQST-BODY\n"
            self.send(client, bad if header == b"HELLO-FROM" else b"BAD-RQST-HDR\n")

    def send(self, client, text, sender=None):
        """Says something to a client. The sender of a message hears SEND-OK when the kernel has taken all of it."""
        waits = bool(client.outbox)
        client.outbox += text
        if sender:
            client.receipts.append((client.sent + len(client.outbox), sender))
        if not waits:
            self.flush(client)

    def flush(self, client):
        try:
            n = client.sock.send(client.outbox)
        except BlockingIOError:
            n = 0
        except OSError:
            return self.drop(client)
        client.sent += n
        del client.outbox[:n]
        while client.receipts and client.receipts[0][0] <= client.sent:
            self.settled.append((client.receipts.popleft()[1], b"SEND-OK\n"))
        if client.closing and not client.outbox:
            self.finish(client)
        self.watch(client)

    def settle(self, sender, answer):
        if sender.sock:
            sender.owed = False
            self.send(sender, answer)
            self.carry_on(sender)

    def leave(self, client):
        """The client has said all, and all has been answered."""
        self.log_out(client)
        client.closing = True
        self.finish(client)

    def finish(self, client):
        """Ends a connection in order: to close it with unread input would send a reset."""
        if client.outbox:
            return
        if client.ended or client.thrown >= LINGER:
            return self.drop(client)
        try:
            client.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(client)

    def log_out(self, client):
        if self.users.get(client.name) is client:
            del self.users[client.name]

    def drop(self, client):
        if not client.sock:
            return
        self.log_out(client)
        if client.events:
            self.selector.unregister(client.sock)
        client.sock.close()
        client.sock = None
        for _, sender in client.receipts:
            self.settled.append((sender, b"BAD-DEST-USER\n"))

    def watch(self, client):
        """Waits for what the client's state asks for."""
        if not client.sock:
            return
        events = selectors.EVENT_WRITE if client.outbox else 0
        if not client.ended and (client.closing or not client.owed and len(client.outbox) < HIGH_WATER):
            events |= selectors.EVENT_READ
        if client.events and not events:
            self.selector.unregister(client.sock)
        elif events and not client.events:
            self.selector.register(client.sock, events, client)
        elif events != client.events:
            self.selector.modify(client.sock, events, client)
        client.events = events


def is_name(name):
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return bool(name) and b"," not in name and not any(b <= 32 or b == 127 for b in name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5378)
    parser.add_argument("--max-users", type=int, default=1 << 20)
    parser.add_argument("--max-line", type=int, default=1 << 20)
    server = Server(**vars(parser.parse_args()))
    print("listening address=%s:%d" % server.listener.getsockname(), file=sys.stderr, flush=True)
    print("Server is on", flush=True)
    server.run()


if __name__ == "__main__":
    main()
