#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
import os
import re

from harness import boot_kernel, build, expect, hello, hypervisor, needs, run

TEST = needs(hypervisor=("debug", "xen"), guests=("answers",), cost=2)
HYPERVISOR_CMDLINE = "console=com1 com1=115200,8n1 dom0_mem=128M loglvl=none guest_loglvl=none"

# Where ours answers otherwise, with the reason. What is listed and does not differ is an error as well.
DIFFERENCES = {
    "not offered; a 64-bit PV guest on Xen mostly gets another error than ENOSYS": [
        "hvm_op 0 1 5 9 10 11 15 23 24 25",
        "hypercall 31 37 41 42 48 49",
        "memory_op 16 17 21 25",
        "grant_table_op 4 12",
        "event_channel_op 14",
        "physdev_op 4 9 23",
        "platform_op 31 32 33 39 48 56 57 58 59 60 63",
        "sysctl 2 14 27",
        "xen_version 10",
    ],
    "performance counters: Xen has them only when built with them, ours when built for debugging":
        ["sysctl 5"],
    "as of a Xen built without HVM: Debian's has feature sets for it on a machine without, too":
        ["featureset 3 5"],
    "refused before the argument is read":
        ["memory_op 7 9 15 23 26"],
    "where the memory ends, for a dom0 that may have all: the machine's RAM here, no limit on Xen":
        ["memory_op 4"],
    "there are no reserved regions, and no flags are wanted":
        ["memory_op 27"],
    "an unknown resource is what is told first":
        ["memory_op 28"],
    "an area in the hypervisor's own memory is refused; Xen fails later, when it writes there":
        ["vcpu_op 5 13"],
    "no vCPU is bound to a processor; on Xen all are on a machine that has one":
        ["vcpu_op 12"],
    "a reason for shutting down that does not exist":
        ["sched_op 5"],
    "port 0 does not exist":
        ["event_channel_op 2 9"],
    "without FIFO delivery there are no priorities, of whichever port":
        ["event_channel_op 13"],
    "notices about PCI devices are taken without looking: a device is looked at when it asks for an interrupt":
        ["physdev_op 15 16 19 20 24 25 26 27 29 30 31"],
    "interrupt 0 is the hypervisor's timer":
        ["physdev_op 5 21"],
    "vectors are the hypervisor's: no number is wrong, or there is none":
        ["physdev_op 10 11"],
    "mmuext_op for the frames of nobody: Xen asks which operation it is, and refuses all that would touch one":
        ["domain 32753 32754"],
    "of several faults in the argument another is told":
        ["physdev_op 13 14"],
}
EXPECTED = {f"{line.split()[0]} {number}"
            for lines in DIFFERENCES.values() for line in lines for number in line.split()[1:]}


def answers_of(image):
    """What the guest of frontends/guests/answers has printed, by operation."""
    with boot_kernel(f"{os.path.dirname(hello)}/answers", hypervisor_cmdline=HYPERVISOR_CMDLINE,
                     qemu=("-m", "512", "-smp", "1", "-no-reboot"), with_hypervisor=image) as machine:
        machine.wait_for(r"^end of answers", 120, f"the answers of {os.path.basename(image)}")
        console = machine.text
    return dict(re.findall(r"^(\w[\w ]* \d+): (.*)$", console.replace("\r", ""), re.MULTILINE))


def answers():
    """Every operation of every hypercall, with four kinds of arguments: the errors are Xen's."""
    ours = answers_of(hypervisor)
    xens = answers_of(f"{build}/images/xen")
    differ = {name for name in ours.keys() | xens.keys() if ours.get(name) != xens.get(name)}
    for name in sorted(differ ^ EXPECTED):
        print(f"  {name}:\n    ours {ours.get(name)}\n    Xen  {xens.get(name)}")
    print(f"  {len(ours)} operations asked, {len(differ)} answers differ")
    expect(len(ours) > 400, "too few operations were asked")
    expect(not differ - EXPECTED, "answers differ from Xen's")
    expect(not EXPECTED - differ, "answers are listed as different and are not")


run(answers)
