# SPDX-License-Identifier: MIT
"""Writes an initramfs (cpio, "newc") without root and without a temporary tree, always the same bytes for the same input.

The format is described in Linux's Documentation/driver-api/early-userspace/buffer-format.rst. Archives may follow one
another in one file, which is how the system tests add a script to an image that is already there.
"""
import os
import re
import stat
import subprocess
import tempfile


class Initramfs:
    def __init__(self):
        self.entries = {}  # path -> (mode, device, content)

    def directory(self, path):
        path = path.strip("/")
        if not path or path in self.entries:
            return
        self.directory(os.path.dirname(path))
        self.entries[path] = (stat.S_IFDIR | 0o755, (0, 0), b"")

    def add(self, path, mode, content, device=(0, 0)):
        self.directory(os.path.dirname(path))
        self.entries[path.strip("/")] = (mode, device, content)

    def text(self, path, content, mode=0o644):
        self.add(path, stat.S_IFREG | mode, content.encode())

    def file(self, path, source, mode=None):
        with open(source, "rb") as file:
            self.add(path, stat.S_IFREG | (mode or (os.stat(source).st_mode & 0o755)), file.read())

    def link(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor):
        self.add(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def busybox(self, source):
        """A static busybox, all its commands, and the folders its shell expects."""
        for folder in ("dev", "proc", "sys", "tmp", "run", "root", "etc", "mnt", "var", "sbin", "usr/bin", "usr/sbin"):
            self.directory(folder)
        self.character_device("dev/console", 5, 1)
        self.file("bin/busybox", source, 0o755)
        for command in subprocess.check_output([source, "--list"], text=True).split():
            if command != "busybox":
                self.link(f"bin/{command}", "busybox")
        self.user("root", 0, "/root", "/bin/sh")
        self.user("nobody", 65534)

    def user(self, name, number, home="/", shell="/bin/false"):
        """With a group of the same name and number."""
        for path, line in (("etc/passwd", f"{name}:x:{number}:{number}:{name}:{home}:{shell}"), ("etc/group", f"{name}:x:{number}:")):
            known = self.entries[path][2].decode() if path in self.entries else ""
            self.text(path, f"{known}{line}\n")

    def program(self, path, source):
        """A program without its debug information, and every library it is linked with."""
        with tempfile.NamedTemporaryFile() as stripped:
            subprocess.check_call(["objcopy", "--strip-debug", source, stripped.name])
            self.file(path, stripped.name, 0o755)
        self.libraries_of(source)

    def libraries_of(self, source):
        listing = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        missing = re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE)
        if missing:
            raise FileNotFoundError(f"{source} needs libraries that are not here: {', '.join(missing)}")
        for path in re.findall(r"(/\S+) \(0x", listing):
            if path.strip("/") not in self.entries:
                self.file(path, path, 0o755)

    def modules(self, names, tree):
        """Kernel modules with those they depend on, and in /lib/modules/load the order to load them in."""
        available = {}
        for folder, _, files in os.walk(os.path.join(tree, "lib/modules")):
            available.update({name[:-3].replace("-", "_"): os.path.join(folder, name)
                              for name in files if name.endswith(".ko")})
        order = []

        def take(name):
            name = name.replace("-", "_")
            if name in order:
                return
            if name not in available:
                raise FileNotFoundError(f"{tree} has no module {name}")
            needs = subprocess.check_output(["/sbin/modinfo", "-F", "depends", available[name]], text=True)
            for other in filter(None, needs.strip().split(",")):
                take(other)
            order.append(name)
            self.file(f"lib/modules/{name}.ko", available[name], 0o644)

        for name in names:
            take(name)
        self.text("lib/modules/load", "".join(f"{name}\n" for name in order))

    def bytes(self):
        parts = []
        for number, (path, (mode, device, content)) in enumerate(sorted(self.entries.items()), 1):
            parts.append(header(number, mode, len(content), device, path) + padded(content))
        parts.append(header(0, 0, 0, (0, 0), "TRAILER!!!"))
        return b"".join(parts)

    def write(self, target):
        with open(target + ".part", "wb") as file:
            file.write(self.bytes())
        os.replace(target + ".part", target)


def padded(data):
    return data + bytes(-len(data) % 4)


def header(inode, mode, size, device, path):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, size, 0, 0, device[0], device[1], len(name), 0)
    return padded(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
