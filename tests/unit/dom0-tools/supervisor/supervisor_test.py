#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""paravane-supervisor as a program, without guests: it goes to the background when it serves, and is kept alive there."""
import os
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, f"{os.path.dirname(os.path.abspath(__file__))}/..")
from expectations import LIMIT, expect, finish, wait_until

program = sys.argv[1]


def start(folder, path):
    return subprocess.run([program, "--socket", path, "--run-folder", folder, "--log-folder", "", "--without-guests"],
                          capture_output=True, text=True, timeout=LIMIT, check=False)


def processes(path):
    """Parent of each process that was started with this socket."""
    found = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as words, open(f"/proc/{number}/stat", "rb") as stat:
                if path.encode() in words.read().split(b"\0"):
                    found[int(number)] = int(stat.read().rsplit(b")")[1].split()[1])
        except OSError:
            pass  # it has gone meanwhile
    return found


def answers(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        return client.connect_ex(path) == 0


with tempfile.TemporaryDirectory(prefix="paravane-") as folder:
    path = f"{folder}/socket"
    began = start(folder, path)
    expect(began.returncode == 0, f"start: {began}")
    expect(answers(path), "it does not answer when it says that it is ready")
    kept = processes(path)
    keeper = next(number for number, parent in kept.items() if parent not in kept)
    serving = next(number for number, parent in kept.items() if parent == keeper)
    os.kill(serving, signal.SIGKILL)
    wait_until(lambda: any(parent == keeper and number != serving for number, parent in processes(path).items()) and answers(path),
               "another one that serves")
    os.kill(keeper, signal.SIGTERM)
    wait_until(lambda: not processes(path), "the end of both")

    began = start(folder, f"{folder}/none/socket")
    expect(began.returncode == 1 and "none/socket" in began.stderr, f"start where it cannot listen: {began}")
finish()
