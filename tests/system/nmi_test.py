#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NMIs of the machine's, which no guest can send, while one does its worst to the way back from them: the descriptor of
its stack comes and goes. QEMU's debugger makes them: a word that it stores to the APICs' address is a message to one."""
import os
import socket

import hostile
from harness import boot_kernel, expect, run, scratch_folder
from machine import patience

ROUNDS = 40
NMI = "00040000"  # delivery mode 4, as the bytes of the word


class Debugger:
    """The remote protocol of GDB, as far as it is needed."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * patience())
        self.socket.connect(path)
        self.received = b""

    def send(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())

    def answer(self):
        while True:
            begin = self.received.find(b"$")
            end = self.received.find(b"#", begin)
            if 0 <= begin < end <= len(self.received) - 3:
                packet = self.received[begin + 1:end]
                self.received = self.received[end + 3:]
                self.socket.sendall(b"+")
                return packet.decode()
            more = self.socket.recv(4096)
            expect(more, "QEMU has ended")
            self.received += more

    def do(self, text):
        self.send(text)
        while (answer := self.answer()).startswith("T"):  # it tells once more that the machine has stopped
            pass
        expect(answer == "OK", f"the debugger answers {answer!r} to {text}")

    def stop(self):
        self.socket.sendall(b"\x03")
        while not self.answer().startswith("T"):
            pass


def nmis():
    """An NMI comes and goes wherever it finds a guest that attacks, or the hypervisor."""
    with scratch_folder() as folder:
        path = os.path.join(folder, "debugger")
        with boot_kernel(f"{hostile.guests}/warden", f"{hostile.guests}/attacks",
                         "only=entries.stack_selector_vanishes long=yes", hostile.CMDLINE,
                         ["-no-reboot", "-m", "512", "-smp", "2", "-gdb", f"unix:{path},server=on,wait=off"]) as machine:
            machine.wait_for(r"attack entries\.stack_selector_vanishes", 120, "the attack")
            debugger = Debugger(path)  # which stops the machine
            debugger.do("Qqemu.PhyMemMode:1")
            for number in range(ROUNDS):
                cpu = number % 2
                debugger.do(f"Mfee0{cpu}000,4:{NMI}")
                debugger.send("c")
                machine.machine.wait_for(rf"cpu {cpu}: NMI, ignored", 60, "guest panic")
                debugger.stop()
    print(f"  {ROUNDS} NMIs came and went")


run(nmis)
