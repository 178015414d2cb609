"""A server as students begin: a thread for each client, or with --one-at-a-time none.

It answers nothing where the rules ask for an error, and a thread ends when bytes are no UTF-8.
"""

import argparse
import socket
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--address")
parser.add_argument("--port", type=int)
parser.add_argument("--one-at-a-time", action="store_true")
args = parser.parse_args()
users = {}


def serve(sock):
    client = {"name": None}
    try:
        with sock, sock.makefile("rb") as lines:
            for line in lines:
                handle(sock, client, line)
    finally:
        users.pop(client["name"], None)


def handle(sock, client, line):
    words = line.decode().rstrip("\n").split(" ", 2)
    if words[0] == "HELLO-FROM" and words[1] not in users:
        client["name"] = words[1]
        users[words[1]] = sock
        sock.send(b"HELLO %s\n" % words[1].encode())
    elif words[0] == "LIST":
        sock.send(b"LIST-OK %s\n" % ",".join(users).encode())
    elif words[0] == "SEND" and words[1] in users:
        users[words[1]].send(b"DELIVERY %s %s\n" % (client["name"].encode(), words[2].encode()))
        sock.send(b"SEND-OK\n")


listener = socket.create_server((args.address, args.port))
print("Server is on", flush=True)
while True:
    client, _ = listener.accept()
    if args.one_at_a_time:
        serve(client)
    else:
        threading.Thread(target=serve, args=(client,), daemon=True).start()
