#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NMIs of the machine's, which no guest can send, while one does its worst to the way back from them: the descriptor of
its stack comes and goes. QEMU's debugger makes them: a word that it stores to the APICs' address is a message to one."""
import os

from harness import boot_kernel, hostile, needs, run, scratch_folder
from harness.gdb import Gdb

TEST = needs(guests=("warden", "attacks"), cpus=2, cost=4)

ROUNDS = 40
NMI = "00040000"  # delivery mode 4, as the bytes of the word


def nmis():
    """An NMI comes and goes wherever it finds a guest that attacks, or the hypervisor."""
    with scratch_folder() as folder:
        debugger = Gdb(os.path.join(folder, "debugger"))
        with boot_kernel(f"{hostile.guests}/warden", f"{hostile.guests}/attacks",
                         "only=entries.stack_selector_vanishes long=yes", hostile.CMDLINE,
                         ["-no-reboot", "-m", "512", "-smp", "2", *debugger.arguments]) as machine:
            machine.wait_for(r"attack entries\.stack_selector_vanishes", 120, "the attack")
            debugger.connect()
            debugger.do("Qqemu.PhyMemMode:1")
            for number in range(ROUNDS):
                cpu = number % 2
                debugger.do(f"Mfee0{cpu}000,4:{NMI}")
                debugger.send("c")
                machine.machine.wait_for(rf"cpu {cpu}: NMI, ignored", 60, "guest panic")
                debugger.stop()
    print(f"  {ROUNDS} NMIs came and went")


run(nmis)
