#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import hashlib
import os
import re
import socket
import stat
import subprocess
import threading

from harness import boot_kernel, build, expect, images, Initramfs, needs, run, scratch_folder, top

TEST = needs(dom0="own", cpus=2, programs=("user_ports",), cost=90)

MODULES = ("virtio-pci", "virtio-blk", "virtio-net", "ahci", "ata-piix", "nvme", "sd-mod", "e1000", "ext4", "crc32c-generic")


class Host:
    """What the guest reaches as 10.0.2.2: one port that sends 16 MB, one that answers with the digest of what it gets."""

    def __init__(self):
        self.data = os.urandom(16 << 20)
        self.sender, self.receiver = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        for server, serve in ((self.sender, self.send), (self.receiver, self.receive)):
            threading.Thread(target=self.accept, args=(server, serve), daemon=True).start()

    def accept(self, server, serve):
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def send(self, connection):
        with connection:
            connection.sendall(self.data)

    def receive(self, connection):
        digest, left = hashlib.sha256(), len(self.data)
        with connection:
            while left and (part := connection.recv(1 << 20)):
                digest.update(part)
                left -= len(part)
            connection.sendall(digest.hexdigest().encode())

    def ports_and_digest(self):
        return {"SEND_PORT": str(self.sender.getsockname()[1]), "RECEIVE_PORT": str(self.receiver.getsockname()[1]),
                "DIGEST": hashlib.sha256(self.data).hexdigest()}


# Each disk by the name its file system has, and the controller it hangs on.
DISKS = {
    "virtio-blk": ["-device", "virtio-blk-pci,drive=virtio-blk"],
    "nvme": ["-device", "nvme,drive=nvme,serial=1"],
    "ahci": ["-device", "ahci,id=sata", "-device", "ide-hd,bus=sata.0,drive=ahci"],
    "ide": ["-device", "piix3-ide,id=pata", "-device", "ide-hd,bus=pata.0,drive=ide"],
}
# The machines bring one of the two controllers themselves; PCI Express has bridges.
ON_MACHINE = {"pc": {"ide": ["-device", "ide-hd,bus=ide.0,drive=ide"]},
              "q35": {"ahci": ["-device", "ide-hd,bus=ide.0,drive=ahci"],
                      "nvme": ["-device", "pcie-root-port,id=port1,chassis=1",
                               "-device", "nvme,drive=nvme,serial=1,bus=port1"]}}
NETWORK = [word for name, net in (("virtio-net-pci", 3), ("e1000", 4)) for word in (
    "-netdev", f"user,id=net{net},net=10.0.{net}.0/24", "-device", f"{name},netdev=net{net},romfile=")]


def disks(folder, machine):
    arguments = []
    for name, controller in {**DISKS, **ON_MACHINE[machine]}.items():
        path = f"{folder}/{name}.raw"
        with open(path, "wb") as file:
            file.truncate(128 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-L", name, path], check=True)
        arguments += ["-drive", f"file={path},if=none,id={name},format=raw,cache=unsafe", *controller]
    return arguments


def initramfs(folder, host):
    image = Initramfs()
    image.busybox(f"{build}/debian/busybox-static/bin/busybox")
    image.modules(MODULES, f"{build}/debian/linux-image-amd64")
    image.program("usr/sbin/user_ports", f"{build}/tests/system/user_ports")
    for name, path in (("init", "init"), ("dhcp", "etc/dhcp")):
        image.file(path, f"{top}/tests/system/dom0/devices/{name}", 0o755)
    data = os.urandom(64 << 20)  # for the disks; made here, where it costs least
    image.add("etc/data", stat.S_IFREG | 0o644, data)
    words = {**host.ports_and_digest(), "DISKS": " ".join(DISKS), "MD5": hashlib.md5(data).hexdigest()}
    image.text("etc/host", "".join(f"{word}='{value}'\n" for word, value in words.items()))
    image.write(f"{folder}/devices.cpio")
    return f"{folder}/devices.cpio"


def devices(machine):
    with scratch_folder() as folder:
        initrd = initramfs(folder, Host())
        # The harness's words for QEMU come first: of two machines the last one counts.
        words = ["-machine", machine, *disks(folder, machine), *NETWORK, "-no-reboot",
                 "-smp", "2" if machine == "q35" else "1"]
        with boot_kernel(f"{images}/vmlinux-dom0", initrd, "console=hvc0 loglevel=5", qemu=words) as dom0:
            dom0.wait_for(r"^==> user space has the ports that it may have", 240)
            for name in DISKS:
                dom0.wait_for(rf"^==> storage {name} is right", 300)
            for name in ("virtio-net", "e1000"):
                dom0.wait_for(rf"^==> network {name} is right", 180)
            dom0.wait_for(r"^==> all devices are done", 60)
            dom0.finish()
            check_interrupts(dom0.text)


def check_interrupts(text):
    """/proc/interrupts: a count for each CPU, KIND, NAME. Where the device has MSI-X, it is in use, and interrupts came."""
    rows = re.findall(r"^interrupts: +\d+:((?: +\d+)+) +(xen-pirq +-(\S+) +(.*))$", text, re.MULTILINE)
    lines = [(sum(map(int, counts.split())), *rest) for counts, *rest in rows]
    print("\n".join(f"    {count:>8}  {what}" for count, what, _, _ in lines))
    expect(any(kind == "ioapic-level" and name.startswith("eth") and count for count, _, kind, name in lines),
           "no interrupt of the e1000 came by its pin")
    expect(all(any(int(count) for count in column) for column in zip(*(counts.split() for counts, *_ in rows))),
           "a CPU of dom0 got no interrupt")
    for device in (r"virtio\d-req", r"virtio\d-input", r"virtio\d-output", r"nvme0q1"):
        expect(any(kind == "msi-x" and re.match(device, name) and count for count, _, kind, name in lines),
               f"no interrupt of {device} came by MSI-X")


def devices_work_in_dom0():
    """Dom0's stock drivers: disks keep 64 MB, network cards carry 16 MB each way, on both of QEMU's PCs.
    A program has the ports that ioperm and iopl give it."""
    for machine in ON_MACHINE:
        print(f"-- {machine}", flush=True)
        devices(machine)


run(devices_work_in_dom0)
