# SPDX-License-Identifier: MIT
"""Watches from outside which hypercalls a stock Linux kernel makes, with their arguments and results.

QEMU's gdbstub has a breakpoint at each place of the kernel that makes one of the wanted calls, so that any hypervisor may
be below. The places are found in the kernel's code: since 6.1.121 each loads a number into EAX and calls one trampoline (a
static call: JMP, followed by UD1 %esp,%ecx). Left out are the few that load it from another register, and the kernel's
initialisation: QEMU runs pages with breakpoints one instruction at a time, and there are long loops.
"""
import collections
import re
import socket
import struct
import time

from machine import Failure, patience

Call = collections.namedtuple("Call", "number command before result after")  # the structure before and after it

LOAD = re.compile(rb"(?<![\x41\x44\x48\x49\x4c])\xb8(.)\0\0\0", re.DOTALL)  # MOV $number,%eax
SILENCE = 120  # seconds without any wanted call


def text_of(kernel):
    """The program header's segment that is executable and not writable: its address and its bytes."""
    with open(kernel, "rb") as file:
        image = file.read()
    table, = struct.unpack_from("<Q", image, 32)
    for at in range(table, table + 56 * struct.unpack_from("<H", image, 56)[0], 56):
        kind, flags, offset, address, _, size = struct.unpack_from("<IIQQQQ", image, at)
        if kind == 1 and flags == 5:
            return address, image[offset:offset + size]
    raise Failure(f"{kernel} has no code")


def places_of_calls(kernel, numbers):
    base, text = text_of(kernel)
    trampolines = {match.start() for match in re.finditer(rb"\xe9....\x0f\xb9\xcc", text, re.DOTALL)}
    places = collections.defaultdict(dict)  # trampoline -> place -> number
    for match in re.finditer(rb"\xe8(?=(....))", text, re.DOTALL):
        place = match.start()
        target = place + 5 + struct.unpack("<i", match.group(1))[0]
        if target in trampolines and (loads := LOAD.findall(text[max(0, place - 80):place])):
            places[target][base + place] = loads[-1][0]
    if not places:
        raise Failure(f"{kernel} makes no hypercalls that can be recognised")
    return {place for place, number in max(places.values(), key=len).items() if number in numbers}


class Trace:
    """Of a machine that was started with what `arguments` says. Iterating runs it to its end."""

    def __init__(self, folder, kernel, numbers):
        self.path = f"{folder}/gdb"
        self.arguments = ["-S", "-gdb", f"unix:{self.path},server=on,wait=off"]
        self.places = places_of_calls(kernel, numbers)
        self.numbers = numbers
        self.buffer = b""
        self.connection = socket.socket(socket.AF_UNIX)

    def connect(self):
        deadline = time.monotonic() + 10 * patience()
        self.connection.settimeout(SILENCE * patience())
        while self.connection.connect_ex(self.path):
            if time.monotonic() > deadline:
                raise Failure("QEMU's gdbstub does not answer")
            time.sleep(0.05)
        self.ask("QStartNoAckMode")

    def ask(self, request):
        """One packet of the remote serial protocol, and the answer."""
        self.connection.sendall(b"$%s#%02x" % (request.encode(), sum(request.encode()) & 0xff))
        while not (match := re.search(rb"\$([^#]*)#..", self.buffer)):
            try:
                data = self.connection.recv(65536)
            except TimeoutError as timeout:
                raise Failure("the kernel makes no more calls, and does not end") from timeout
            if not data:
                raise EOFError
            self.buffer += data
        self.buffer = self.buffer[match.end():]
        return match.group(1).decode()

    def memory(self, address, size=40):
        answer = self.ask(f"m{address:x},{size:x}")
        return b"" if answer.startswith("E") else bytes.fromhex(answer)

    def __iter__(self):
        self.connect()
        for place in self.places:
            self.ask(f"Z0,{place:x},1")
        begun = {}  # (stack pointer, where it returns to) -> number, command, argument, structure
        try:
            while self.ask("c").startswith("T"):
                words = struct.unpack("<17Q", bytes.fromhex(self.ask("g")[:17 * 16]))
                rax, rsi, rdi, rsp, rip = (words[register] for register in (0, 4, 5, 7, 16))
                if (rsp, rip) in begun:
                    number, command, argument, before = begun.pop((rsp, rip))
                    self.ask(f"z0,{rip:x},1")
                    yield Call(number, command, before, rax - (rax >> 63 << 64), self.memory(argument))
                if rip in self.places and rax in self.numbers:
                    begun[rsp, rip + 5] = rax, rdi, rsi, self.memory(rsi)
                    self.ask(f"Z0,{rip + 5:x},1")
                self.ask("s")  # over the breakpoint
        except EOFError:
            return
