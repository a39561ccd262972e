# SPDX-License-Identifier: MIT
"""What every system test is made of.

A test is a Python file that says what it needs (TEST = needs(...)) and ends with run(function). It runs by ctest, or by hand:
tests/system/NAME_test.py. It says what it waits for; a failure shows the end of the console.

    places      where things are                needs     what a test needs, for it and for CMake
    machines    machines in QEMU, watched       verdict   run, expect, and what a failure takes along
    dom0        Linux as dom0, shared or own    snapshot  a machine from which others go on
    hostile     the warden and its guests       audit     what the hypervisor's audit says
    bochs       machines in Bochs               gdb       QEMU's debugger; trace: hypercalls of a kernel
"""
from .places import HYPERVISOR_CMDLINE, build, chaos, guest, hello, hypervisor, images, release, top, xen  # noqa: F401
from initramfs import Initramfs  # noqa: F401
from machine import COUNTING, Failure, Machine, direct_boot, patience, scratch_folder  # noqa: F401
from .verdict import evidence, expect, run  # noqa: F401
from .machines import FAILED, Watched, boot, boot_kernel  # noqa: F401
from .needs import needs  # noqa: F401
from .audit import audits, next_audit  # noqa: F401
from . import hostile  # noqa: F401
from .dom0 import boot_dom0, own_dom0, shared_dom0  # noqa: F401
