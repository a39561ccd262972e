// SPDX-License-Identifier: MIT
// 8259A data sheet. Both are moved out of the exceptions' way before they are masked: a spurious interrupt needs no
// mask.
#include "x86/dev/pic.hpp"

#include "x86/cpu/instructions.hpp"

namespace hv::pic {

void turn_off() {
    cpu::outb(0x20, 0x11);  // initialisation in four words
    cpu::outb(0xa0, 0x11);
    cpu::outb(0x21, 0x20);  // vectors from 0x20 and 0x28
    cpu::outb(0xa1, 0x28);
    cpu::outb(0x21, 0x04);  // the second is on input 2
    cpu::outb(0xa1, 0x02);
    cpu::outb(0x21, 0x01);
    cpu::outb(0xa1, 0x01);
    cpu::outb(0x21, 0xff);
    cpu::outb(0xa1, 0xff);
}

}  // namespace hv::pic
