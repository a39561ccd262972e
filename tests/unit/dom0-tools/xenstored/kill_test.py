#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The server of xenstored is killed again and again under clients on sockets: each goes on with its connection, and sees
all that was acknowledged, every watch and no reply twice. usage: kill_test.py XENSTORED [KILLS]"""
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

WATCH, TRANSACTION_START, TRANSACTION_END, READ, WRITE, CONTROL = 4, 6, 7, 2, 11, 0
EVENT, ERROR = 15, 16
PATIENCE = 300 * float(os.environ.get("PARAVANE_PATIENCE", "1"))
OK = b"OK\0"


class Store:
    """A connection. Replies are matched by their request's number; watch events are kept."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.settimeout(PATIENCE)
        self.number = 0
        self.events = []

    def send(self, kind, payload, transaction=0):
        self.number += 1
        self.socket.sendall(struct.pack("<IIII", kind, self.number, transaction, len(payload)) + payload)
        return self.number

    def take(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, "the connection was closed"
            data += part
        return data

    def receive(self):
        kind, number, _, length = struct.unpack("<IIII", self.take(16))
        return kind, number, self.take(length)

    def reply(self, number):
        while True:
            kind, answers, payload = self.receive()
            if kind == EVENT:
                self.events.append(payload)
                continue
            assert answers == number, f"reply to request {answers} instead of {number}"
            return payload

    def ask(self, kind, payload, transaction=0):
        return self.reply(self.send(kind, payload, transaction))

    def wait_for_event(self, wanted):
        while wanted not in self.events:
            kind, _, payload = self.receive()
            assert kind == EVENT
            self.events.append(payload)
        self.events.clear()


class Clients:
    def __init__(self, path):
        self.path = path
        self.stop = threading.Event()
        self.failures = []
        self.rounds = {}
        self.threads = [threading.Thread(target=self.guard, args=(work,))
                        for work in (self.write_and_read, self.count, self.count, self.watch, self.pipeline)]

    def guard(self, work):
        try:
            work(Store(self.path))
        except Exception as failure:  # a thread's failure is the test's
            self.failures.append(f"{work.__name__}: {failure!r}")

    def done(self, what):
        self.rounds[what] = self.rounds.get(what, 0) + 1

    def write_and_read(self, store):
        while not self.stop.is_set():
            value = os.urandom(random.choice([1, 100, 3000])).hex().encode()[:4000]
            assert store.ask(WRITE, b"/data\0" + value) == OK
            assert store.ask(READ, b"/data\0") == value, "what was acknowledged is lost"
            self.done("writes")

    def count(self, store):
        """Adds one to a number that others add to as well."""
        while not self.stop.is_set():
            number = int(store.ask(TRANSACTION_START, b"\0")[:-1])
            value = store.ask(READ, b"/counter\0", number)
            assert store.ask(WRITE, b"/counter\0" + str(int(value) + 1).encode(), number) == OK
            ended = store.ask(TRANSACTION_END, b"T\0", number)
            assert ended in (OK, b"EAGAIN\0"), ended
            if ended == OK:
                self.done("transactions")

    def watch(self, store):
        other = Store(self.path)
        assert store.ask(WATCH, b"/watched\0token\0") == OK
        store.wait_for_event(b"/watched\0token\0")
        turn = 0
        while not self.stop.is_set():
            turn += 1
            path = b"/watched/%d" % (turn % 50)
            assert other.ask(WRITE, path + b"\0x") == OK
            store.wait_for_event(path + b"\0token\0")
            self.done("watches")

    def pipeline(self, store):
        while not self.stop.is_set():
            numbers = [store.send(WRITE, b"/pipe\0%d" % i) for i in range(50)]
            numbers += [store.send(READ, b"/pipe\0")]
            replies = [store.reply(number) for number in numbers]
            assert replies == [OK] * 50 + [b"49"], replies
            self.done("pipelines")


def server_of(holder):
    with open(f"/proc/{holder}/task/{holder}/children", encoding="ascii") as children:
        pids = children.read().split()
    return int(pids[0]) if pids else None


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)


def kill_server(holder):
    """Ends the server that runs, or the next one."""
    wait_until(lambda: server_of(holder) is not None)
    time.sleep(random.uniform(0, 0.2))
    pid = server_of(holder)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def torture(path, holder, kills):
    first = Store(path)
    assert first.ask(WRITE, b"/counter\0000") == OK
    assert first.ask(WRITE, b"/data\0") == OK
    clients = Clients(path)
    for thread in clients.threads:
        thread.start()
    for _ in range(kills):
        before = dict(clients.rounds)
        kill_server(holder)
        wait_until(lambda: clients.failures or clients.rounds != before)
    late = Store(path)
    late.ask(READ, b"/data\0")
    clients.stop.set()
    for thread in clients.threads:
        thread.join()
    assert not clients.failures, clients.failures
    counted = int(first.ask(READ, b"/counter\0"))
    assert counted == clients.rounds["transactions"], (counted, clients.rounds)
    assert first.ask(CONTROL, b"check\0") == OK
    print(f"ok: {kills} kills, {clients.rounds}")


def main(program, kills):
    with tempfile.TemporaryDirectory() as folder:
        path, pid_file, log = f"{folder}/socket", f"{folder}/pid", f"{folder}/log"
        os.environ["XENSTORED_PATH"] = path
        with open(log, "w", encoding="utf-8") as output:
            holder = subprocess.Popen([program, "--no-domain-init", "--no-fork", "--pid-file", pid_file], stderr=output)
        try:
            wait_until(lambda: os.path.exists(pid_file))
            torture(path, holder.pid, kills)
        finally:
            holder.terminate()
            holder.wait(PATIENCE)
            with open(log, encoding="utf-8") as lines:
                unexpected = [line for line in lines if "ended with signal 9;" not in line]
        assert not unexpected, unexpected
        assert not os.path.exists(path) and not os.path.exists(pid_file)


main(os.path.realpath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40)
