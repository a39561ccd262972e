#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
from harness import expect, hostile, needs, run

TEST = needs(guests=("warden", "attacks"), cost=2)


def fpu_pointers():
    """Where a vCPU computes is not seen by the next one, on a processor that does not save it (XSA-52)."""
    text = hostile.run("attacks", "only=instructions.fpu_pointers", qemu=hostile.LEAVES_FPU_POINTERS)
    expect("the processor sees to them" not in text, "the processor is another one")
    expect("held instructions.fpu_pointers" in text, "the attack was not held")


run(fpu_pointers)
