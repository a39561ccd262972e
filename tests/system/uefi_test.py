#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import shutil
import subprocess

from harness import boot, hypervisor, HYPERVISOR_CMDLINE, images, needs, run, scratch_folder, top

TEST = needs(dom0="own", cost=13)
FIRMWARE = "/usr/share/OVMF"


def uefi_boots():
    """OVMF starts GRUB, GRUB the hypervisor, and dom0 finds ACPI: it has its PCI devices, and powers off."""
    with scratch_folder() as folder:
        disc, variables = f"{folder}/disc.iso", f"{folder}/variables.fd"
        shutil.copy(f"{FIRMWARE}/OVMF_VARS_4M.fd", variables)
        subprocess.run([f"{top}/dom0-tools/image/make_grub_image", disc, hypervisor, f"{images}/vmlinux-dom0",
                        f"{images}/guest.cpio", "console=hvc0 act=poweroff token=uefi", HYPERVISOR_CMDLINE], check=True)
        flash = [word for number, (path, mode) in enumerate(
                    ((f"{FIRMWARE}/OVMF_CODE_4M.fd", ",readonly=on"), (variables, "")))
                 for word in ("-drive", f"if=pflash,format=raw,unit={number},file={path}{mode}")]
        with boot(["-machine", "q35", *flash, "-cdrom", disc, "-no-reboot"]) as machine:
            machine.wait_for(r"GRUB loads the hypervisor", 120)
            machine.wait_for(r"acpi_rsdp=0x[0-9a-f]+", 240, "dom0's kernel, with ACPI's root pointer")
            machine.wait_for(r"ACPI: Core revision", 60)
            machine.wait_for(r"^guest: token uefi\b", 120, "/init, and its token")
            machine.finish()


run(uefi_boots)
