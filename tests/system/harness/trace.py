# SPDX-License-Identifier: MIT
"""Watches from outside which hypercalls a stock Linux kernel makes, with their arguments and results.

QEMU's gdbstub has a breakpoint at each place of the kernel that makes one of the wanted calls, so that any hypervisor may
be below. The places are found in the kernel's code: since 6.1.121 each loads a number into EAX and calls one trampoline (a
static call: JMP, followed by UD1 %esp,%ecx). Left out are the few that load it from another register, and the kernel's
initialisation: QEMU runs pages with breakpoints one instruction at a time, and there are long loops.
"""
import collections
import re
import struct

from machine import Failure

from .gdb import Ended, Gdb

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
        self.gdb = Gdb(f"{folder}/gdb", SILENCE)
        self.arguments = ["-S", *self.gdb.arguments]
        self.places = places_of_calls(kernel, numbers)
        self.numbers = numbers

    def __iter__(self):
        gdb = self.gdb
        gdb.connect()
        for place in self.places:
            gdb.ask(f"Z0,{place:x},1")
        begun = {}  # (stack pointer, where it returns to) -> number, command, argument, structure
        try:
            while gdb.ask("c").startswith("T"):
                words = struct.unpack("<17Q", bytes.fromhex(gdb.ask("g")[:17 * 16]))
                rax, rsi, rdi, rsp, rip = (words[register] for register in (0, 4, 5, 7, 16))
                if (rsp, rip) in begun:
                    number, command, argument, before = begun.pop((rsp, rip))
                    gdb.ask(f"z0,{rip:x},1")
                    yield Call(number, command, before, rax - (rax >> 63 << 64), gdb.memory(argument))
                if rip in self.places and rax in self.numbers:
                    begun[rsp, rip + 5] = rax, rdi, rsi, gdb.memory(rsi)
                    gdb.ask(f"Z0,{rip + 5:x},1")
                gdb.ask("s")  # over the breakpoint
        except Ended:
            return
