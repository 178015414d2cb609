"""A small chat server that keeps the lab's rules, and with --break NAME breaks one of them.

The conformance suite is judged by it: each way of being wrong must be found, and nothing else. It decides some
things that the rules leave open in another way than chatd does, as any server may.
"""

import argparse
import collections
import selectors
import socket

WAYS = {
    "early-ok": "says SEND-OK when the DELIVERY is queued",
    "one-read-one-line": "takes what one recv() returns for one line",
    "wait-for-line": "stays in recv() until the line has ended",
    "no-in-use": "does not look whether a name is in use",
    "strangers-listed": "lists those who have not logged in",
    "ignore-case": "takes alice and Alice for the same name, which the rules do not forbid",
    "keep-names": "does not forget who has gone",
    "wrong-error": "answers an unknown header with a body error",
    "decode": "ends when bytes are no UTF-8",
    "close-on-error": "disconnects a user for a body error",
    "keep-refused": "does not disconnect who could not log in",
    "cut-off": "forgets what send() did not take",
    "no-reset": "does not expect that a connection breaks",
    "first-word": "forwards only the first word of a message",
    "ok-anyway": "says SEND-OK also if nobody has the name",
    "relogin": "lets a user take another name",
    "few": "has 8 places",
    "mute": "does not say that it is on",
}

parser = argparse.ArgumentParser()
parser.add_argument("--address", default="127.0.0.1")
parser.add_argument("--port", type=int, default=5378)
parser.add_argument("--break", dest="way", choices=WAYS)
args = parser.parse_args()

PLACES = 8 if args.way == "few" else 16

selector = selectors.DefaultSelector()
clients = {}  # by socket
users = {}  # by name


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.name = None
        self.received = b""
        self.queue = collections.deque()  # [bytes, what to do when they have been sent]
        self.owed = False  # an answer to a SEND, so that the next line has to wait
        self.watched = 0  # what the selector waits for
        self.leaving = False  # once all has been sent

    def say(self, text, then=None):
        self.queue.append([text + b"\n", then])
        self.flush()

    def flush(self):
        while self.queue:
            text, then = self.queue[0]
            try:
                n = self.sock.send(text)
            except BlockingIOError:
                n = 0
                if args.way != "cut-off":
                    break
            except OSError:
                if args.way == "no-reset":
                    raise
                return self.drop()
            if n < len(text) and args.way != "cut-off":
                self.queue[0][0] = text[n:]
                break
            self.queue.popleft()
            if then:
                then(True)
        if self.leaving and not self.queue:
            return self.drop()
        self.watch()

    def watch(self):
        if self.sock not in clients:
            return
        wanted = 0 if self.owed else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if self.queue else 0
        if wanted != self.watched:
            if self.watched:
                selector.unregister(self.sock)
            if wanted:
                selector.register(self.sock, wanted, self)
            self.watched = wanted

    def drop(self):
        if clients.pop(self.sock, None) is None:
            return
        if args.way != "keep-names" and users.get(self.name) is self:
            del users[self.name]
        if self.watched:
            selector.unregister(self.sock)
        self.sock.close()
        queue, self.queue = self.queue, collections.deque()
        for _, then in queue:
            if then:
                then(False)

    def refuse(self, text):
        if args.way != "keep-refused":
            self.leaving = True
        self.say(text)

    def read(self):
        try:
            data = self.sock.recv(4096)
            while data and args.way == "wait-for-line" and not data.endswith(b"\n"):
                self.sock.setblocking(True)
                more = self.sock.recv(4096)
                data = data + more if more else b""
            self.sock.setblocking(False)
        except OSError:
            if args.way == "no-reset":
                raise
            data = b""
        if not data:
            return self.drop()
        self.received += data
        if args.way == "one-read-one-line":
            line, self.received = self.received, b""
            return self.carry_out(line.rstrip(b"\n"))
        self.go_on()

    def go_on(self):
        while b"\n" in self.received and not self.owed and not self.leaving and self.sock in clients:
            line, self.received = self.received.split(b"\n", 1)
            self.carry_out(line)
        self.watch()

    def carry_out(self, line):
        if args.way == "decode":
            line.decode()
        header, space, body = line.partition(b" ")
        if header == b"HELLO-FROM" and (self.name is None or args.way == "relogin"):
            self.log_in(body)
        elif self.name is None:
            self.refuse(b"BAD-RQST-HDR")
        elif header == b"LIST":
            self.say(b"LIST-OK " + b",".join(names()))
        elif header == b"SEND":
            self.send(body)
        elif args.way == "wrong-error" and header != b"HELLO-FROM":
            self.say(b"BAD-RQST-BODY")
        else:
            self.say(b"BAD-RQST-HDR")

    def log_in(self, name):
        if not name or b" " in name or b"," in name:
            self.refuse(b"BAD-RQST-BODY")
        elif key(name) in users and args.way != "no-in-use":
            self.refuse(b"IN-USE")
        elif len(users) >= PLACES:
            self.refuse(b"BUSY")
        else:
            users.pop(self.name, None)
            self.name = key(name)
            users[self.name] = self
            self.say(b"HELLO " + name)

    def send(self, body):
        name, space, message = body.partition(b" ")
        if not name or not message:
            self.leaving = args.way == "close-on-error"
            return self.say(b"BAD-RQST-BODY")
        if args.way == "first-word":
            message = message.split()[0]
        target = users.get(key(name))
        if target is None or target.sock not in clients:
            return self.say(b"SEND-OK" if args.way == "ok-anyway" else b"BAD-DEST-USER")
        if args.way == "early-ok":
            target.say(b"DELIVERY " + self.name + b" " + message)
            return self.say(b"SEND-OK")
        self.owed = True
        target.say(b"DELIVERY " + self.name + b" " + message, self.settle)

    def settle(self, sent):
        if self.sock in clients:
            self.owed = False
            self.say(b"SEND-OK" if sent else b"BAD-DEST-USER")
            self.go_on()


def key(name):
    return name.lower() if args.way == "ignore-case" else name


def names():
    strangers = [b"?" for c in clients.values() if c.name is None]
    return list(users) + (strangers if args.way == "strangers-listed" else [])


def accept(listener):
    sock, _ = listener.accept()
    sock.setblocking(False)
    clients[sock] = Client(sock)
    clients[sock].watch()


listener = socket.create_server((args.address, args.port), backlog=128)
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ)
if args.way != "mute":
    print("Server is on", flush=True)
while True:
    for event, mask in selector.select():
        if event.fileobj is listener:
            accept(listener)
            continue
        if mask & selectors.EVENT_WRITE:
            event.data.flush()
        if mask & selectors.EVENT_READ and event.fileobj in clients:
            event.data.read()
