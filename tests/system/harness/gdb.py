# SPDX-License-Identifier: MIT
"""QEMU's debugger: the remote serial protocol of GDB, as far as it is needed."""
import contextlib
import re
import socket
import time

from machine import Failure, patience


class Ended(Failure):
    """QEMU has ended."""


class Gdb:
    def __init__(self, path, silence=30):
        """`silence` is how many seconds an answer may take."""
        self.path = path
        self.silence = silence
        self.buffer = b""
        self.connection = socket.socket(socket.AF_UNIX)

    @property
    def arguments(self):
        """QEMU's."""
        return ["-gdb", f"unix:{self.path},server=on,wait=off"]

    def connect(self):
        """Stops the machine."""
        deadline = time.monotonic() + self.silence * patience()
        self.connection.settimeout(self.silence * patience())
        while self.connection.connect_ex(self.path):
            if time.monotonic() > deadline:
                raise Failure("QEMU's gdbstub does not answer")
            time.sleep(0.05)

    def send(self, request):
        self._write(b"$%s#%02x" % (request.encode(), sum(request.encode()) & 0xff))

    def _write(self, data):
        with contextlib.suppress(BrokenPipeError):  # it has just ended: there is no answer, then
            self.connection.sendall(data)

    def answer(self):
        while not (match := re.search(rb"\$([^#]*)#..", self.buffer)):
            try:
                data = self.connection.recv(65536)
            except ConnectionResetError as reset:
                raise Ended("QEMU has ended") from reset
            except TimeoutError as timeout:
                raise Failure("the machine does not stop, and does not end") from timeout
            if not data:
                raise Ended("QEMU has ended")
            self.buffer += data
        self.buffer = self.buffer[match.end():]
        self._write(b"+")  # until then it hears nothing but a new request
        return match.group(1).decode()

    def ask(self, request):
        self.send(request)
        return self.answer()

    def do(self, request):
        self.send(request)
        while (answer := self.answer()).startswith("T"):  # it tells once more that the machine has stopped
            pass
        if answer != "OK":
            raise Failure(f"the debugger answers {answer!r} to {request}")

    def stop(self):
        self._write(b"\x03")
        while not self.answer().startswith("T"):
            pass

    def memory(self, address, size=40):
        answer = self.ask(f"m{address:x},{size:x}")
        return b"" if answer.startswith("E") else bytes.fromhex(answer)
