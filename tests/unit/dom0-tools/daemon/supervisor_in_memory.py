#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for paravane-supervisor and its console backends, written against backend/supervisor_protocol.hpp and
backend/console_protocol.hpp: a console says which domain it serves and shows in hexadecimal what was typed. Some keys are orders
to it: it is killed and comes back (^E), it ends with its guest (^F), it is killed for good (^G), it leaves out ten bytes (^L),
somebody else begins to type (^T). ^A and ^B are followed by more: it is killed when the guest has got one byte of that, or none.
Files in the folder are orders, too: with `refuse` every start is refused, for the reason in there; with `full` consoles take no more
clients."""
import argparse
import contextlib
import os
import selectors
import socket
import struct

DEVICE = "16sIHH"
REQUEST = struct.Struct(f"=II{DEVICE}16s96s384s")
ANSWER = struct.Struct(f"=II{DEVICE}IiIiI256s")
HELLO = struct.Struct("=IIQQ")
HEADING = struct.Struct("=IIQ")
SUPERVISOR_VERSION, CONSOLE_VERSION = 1, 2
START, STOP, RESTART, LIST, WATCH, EVENT, END = range(1, 8)
RUNNING, GONE = 2, 0
OUTPUT, BEGINS, MAY_TYPE, MAY_NOT, ENDED, REFUSED = range(1, 7)
RECENT = 2**64 - 1

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
folder = parser.parse_args().folder
waiting = selectors.DefaultSelector()
consoles = {}  # device: listening socket
disks = {}  # device: its image
printed = {}  # client of a console: bytes that it got
given = {}  # typist: bytes of it that the guest got


def listen(path, on_client):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen()
    waiting.register(listener, selectors.EVENT_READ, on_client)
    return listener


def path_of(device):
    return f"{folder}/{device[0].rstrip(bytes(1)).decode()}-{device[2]}.sock"


# Whoever is at the other end may have gone at any moment, which is its own affair.
def say(client, message):
    with contextlib.suppress(OSError):
        client.send(message)


def heard(client):
    try:
        return client.recv(4096)
    except ConnectionResetError:
        return b""


def answer(client, what, device, state, failed=0, reason=b""):
    say(client, ANSWER.pack(SUPERVISOR_VERSION, what, *device, state, 0, 0, 0, failed, reason))


def show(client, text):
    say(client, HEADING.pack(OUTPUT, 0, printed[client]) + text)
    printed[client] += len(text)


def console_client(listener, device):
    client = listener.accept()[0]
    if os.path.exists(f"{folder}/full"):
        say(client, HEADING.pack(REFUSED, 0, 0))
        client.close()
        return

    def leave():
        waiting.unregister(client)
        client.close()

    typist = 0

    def take(text):
        show(client, "".join(f"<{byte:02x}>" for byte in text).encode())
        given[typist] = given.get(typist, 0) + len(text)
        say(client, HEADING.pack(MAY_TYPE, 1, given[typist]))

    def typed(_):
        nonlocal typist
        record = heard(client)
        order = record[:1] if client in printed else b""
        if order in (b"\x01", b"\x02", b"\x05"):
            given[typist] = given.get(typist, 0) + {1: 2, 2: 1, 5: 1}[record[0]]
            leave()
        elif order == b"\x06":
            say(client, HEADING.pack(ENDED, 0, printed[client]))
            leave()
        elif order == b"\x07":
            leave()
            waiting.unregister(listener)
            listener.close()
        elif order == b"\x0c":
            printed[client] += 10
            take(record)
        elif order == b"\x14":
            say(client, HEADING.pack(MAY_NOT, 0, 0))
        elif order:
            take(record)
        elif not record:
            leave()
        else:
            version, _, begin, typist = HELLO.unpack(record)
            assert version == CONSOLE_VERSION
            printed[client] = 0 if begin == RECENT else begin
            say(client, HEADING.pack(BEGINS, 0, printed[client]))
            say(client, HEADING.pack(MAY_TYPE, typist in given, given.get(typist, 0)))
            again = f"again, from {begin}" if begin != RECENT else f"the console of domain {device[2]}"
            show(client, f"{again}\r\n".encode())

    waiting.register(client, selectors.EVENT_READ, typed)


def start(client, device, arguments):
    kind = device[0].rstrip(bytes(1))
    assert (kind, arguments.split(b"\0")[0]) in ((b"console", b"--port"), (b"block", b"--image")), (device, arguments)
    if os.path.exists(f"{folder}/refuse"):
        with open(f"{folder}/refuse", "rb") as file:
            answer(client, START, device, GONE, 1, file.read())
        return
    if kind == b"block":
        disks[device] = arguments
    elif device not in consoles:
        consoles[device] = listen(path_of(device), lambda listener: console_client(listener, device))
    answer(client, START, device, RUNNING)


def stop(client, device):
    if device in consoles:
        listener = consoles.pop(device)
        if listener.fileno() >= 0:
            waiting.unregister(listener)
            listener.close()
        os.unlink(path_of(device))
    disks.pop(device, None)
    answer(client, STOP, device, GONE)


def supervisor_client(listener):
    client = listener.accept()[0]

    def asked(_):
        record = heard(client)
        if not record:
            waiting.unregister(client)
            client.close()
            return
        version, what, kind, index, domid, pad, owner, _, arguments = REQUEST.unpack(record)
        assert version == SUPERVISOR_VERSION
        device = (kind, index, domid, pad)
        if what == START:
            assert any(owner)
            start(client, device, arguments)
        elif what == STOP:
            stop(client, device)
        elif what == RESTART:
            answer(client, RESTART, device, RUNNING, device not in disks)
        else:
            assert what == LIST, what
            for one in [*consoles, *disks]:
                answer(client, LIST, one, RUNNING)
            answer(client, END, device, GONE)

    waiting.register(client, selectors.EVENT_READ, asked)


listen(f"{folder}/supervisor.sock", supervisor_client)
while True:
    for key, _ in waiting.select():
        key.data(key.fileobj)
