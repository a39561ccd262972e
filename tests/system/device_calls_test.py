#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import struct

from harness import boot_kernel, build, expect, hypervisor, images, Initramfs, needs, run, scratch_folder, top
from harness.trace import Trace

TEST = needs(dom0="own", cost=60, long=600, daily=False)  # not long, but about one version of Debian's kernel

MODULES = ("virtio-pci", "virtio-blk", "virtio-net", "nvme")
MACHINE = ["-machine", "q35", "-smp", "1", "-no-reboot",
           "-drive", "file=null-co://,if=none,id=virtio,format=raw", "-device", "virtio-blk-pci,drive=virtio,addr=5",
           "-device", "pcie-root-port,id=port1,chassis=1,addr=6",
           "-drive", "file=null-co://,if=none,id=nvme,format=raw", "-device", "nvme,drive=nvme,serial=1,bus=port1",
           "-netdev", "user,id=net,net=10.0.3.0/24", "-device", "virtio-net-pci,netdev=net,romfile=,addr=7"]

EVENT_CHANNEL_OP, PHYSDEV_OP = 32, 33
EVENTS = {2: "bind_pirq", 3: "close", 8: "bind_vcpu"}
PHYSDEV = {5: "irq_status_query", 10: "alloc_irq_vector", 12: "eoi", 13: "map_pirq", 14: "unmap_pirq", 21: "setup_gsi",
           25: "pci_device_add"}
ERRORS = {0: "", -17: "=EEXIST"}
MAP_GSI = 1


class Interrupts:
    """The calls about each device and each interrupt, by names in place of the numbers that hypervisors give."""

    def __init__(self):
        self.calls = {}  # name -> calls
        self.pirqs = {}  # number -> name
        self.ports = {}

    def take(self, call):
        if call.number == EVENT_CHANNEL_OP:
            self.event(call, EVENTS.get(call.command))
        else:
            self.physdev(call, PHYSDEV.get(call.command, f"physdev {call.command}"))

    def add(self, name, word, call):
        self.calls.setdefault(name, []).append(word + ERRORS.get(call.result, f"={call.result}"))

    def event(self, call, word):
        first, second, port = struct.unpack_from("<3I", call.before[:8] + call.after[8:])
        if word == "bind_pirq":
            self.ports[port] = self.pirqs.get(first, f"pirq {first}")
            word += " shared" if second else ""
            first = port
        if word and first in self.ports:
            self.add(self.ports[first], word, call)
            if word == "close":
                del self.ports[first]

    def physdev(self, call, word):
        number, second = struct.unpack_from("<2i", call.before)
        if word == "map_pirq":
            kind, index = struct.unpack_from("<2i", call.before, 4)
            bus, function = struct.unpack_from("<2i", call.before, 16)
            number, = struct.unpack_from("<i", call.after, 12)
            entry, = struct.unpack_from("<H", call.before, 24)
            self.pirqs[number] = f"gsi {index:2}" if kind == MAP_GSI else f"{place(bus, function)} message {entry}"
        elif word == "unmap_pirq":
            number = second
        elif word == "setup_gsi":
            word += f" {'level' if call.before[4] else 'edge'} {'low' if call.before[5] else 'high'}"
        elif word == "pci_device_add":
            return self.add(place(call.before[2], call.before[3]), word, call)
        elif word not in PHYSDEV.values():
            return None
        return self.add(self.pirqs.get(number, f"gsi {number:2}"), word, call)

    def __str__(self):
        return "".join(f"{name}\t{', '.join(calls)}\n" for name, calls in sorted(self.calls.items()))


def place(bus, function):
    return f"{bus:02x}:{function >> 3:02x}.{function & 7}"


def initramfs(folder):
    image = Initramfs()
    image.busybox(f"{build}/debian/busybox-static/bin/busybox")
    image.modules(MODULES, f"{build}/debian/linux-image-amd64")
    image.file("init", f"{top}/tests/system/dom0/device_calls/init", 0o755)
    image.write(f"{folder}/calls.cpio")
    return f"{folder}/calls.cpio"


def devices_are_asked_for_as_on_xen():
    """Dom0's calls about interrupts of devices and their results, the same as recorded on Debian's Xen 4.17."""
    kernel = f"{images}/vmlinux-dom0"
    interrupts = Interrupts()
    with scratch_folder() as folder:
        trace = Trace(folder, kernel, (EVENT_CHANNEL_OP, PHYSDEV_OP))
        with boot_kernel(kernel, initramfs(folder), "console=hvc0 loglevel=5",
                         qemu=[*MACHINE, *trace.arguments]) as dom0:
            for call in trace:
                interrupts.take(call)
            dom0.wait_for(r"^==> all devices are done", 1)
            dom0.finish()
    print(interrupts, end="")
    with open(f"{top}/tests/system/dom0/device_calls/calls.tsv") as file:
        recorded = "".join(line for line in file if not line.startswith("#"))
    expect(str(interrupts) == recorded, f"{hypervisor} was asked for something else, or answered something else")


run(devices_are_asked_for_as_on_xen)
