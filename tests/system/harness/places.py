# SPDX-License-Identifier: MIT
"""Where things are: the checkout, the build ($PARAVANE_BUILD, or build/ in the checkout), and what it made."""
import os
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, f"{top}/dom0-tools/image")

build = os.environ.get("PARAVANE_BUILD", f"{top}/build")
images = f"{build}/images"
hypervisor = os.environ.get("PARAVANE_HYPERVISOR", f"{build}/debug/hypervisor/paravane")  # it checks itself
release = os.environ.get("PARAVANE_HYPERVISOR", f"{build}/hypervisor/paravane")  # what ./run boots, and is measured
chaos = f"{build}/chaos/hypervisor/paravane"
xen = f"{images}/xen"

HYPERVISOR_CMDLINE = "console=com1 com1=115200,8n1 dom0_mem=1024M loglvl=info guest_loglvl=info"


def guest(name):
    """A guest of ours: frontends/guests/NAME."""
    return f"{build}/frontends/guests/{name}"


hello = guest("hello")
