#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for pvconsoled: says which domain it serves and shows in hexadecimal what was typed. Like pvconsoled it
returns when it is ready; it ends when its socket is removed."""
import argparse
import os
import selectors
import socket

parser = argparse.ArgumentParser()
for name in ("domain", "port", "socket", "log"):
    parser.add_argument(f"--{name}")
options = parser.parse_args()

listener = socket.socket(socket.AF_UNIX)
listener.bind(options.socket)
listener.listen()
if os.fork():
    os._exit(0)
os.setsid()
null = os.open("/dev/null", os.O_RDWR)
for descriptor in range(3):
    os.dup2(null, descriptor)

waiting = selectors.DefaultSelector()
waiting.register(listener, selectors.EVENT_READ)
while os.path.exists(options.socket):
    for key, _ in waiting.select(0.2):
        if key.fileobj is listener:
            client = listener.accept()[0]
            client.sendall(f"the console of domain {options.domain}\r\n".encode())
            waiting.register(client, selectors.EVENT_READ)
        elif typed := key.fileobj.recv(1024):
            key.fileobj.sendall("".join(f"<{byte:02x}>" for byte in typed).encode())
        else:
            waiting.unregister(key.fileobj)
            key.fileobj.close()
