// SPDX-License-Identifier: MIT
// What really happens at an I/O port that a domain may use by its virtual IOPL or bitmap. Dom0 reaches the machine's
// ports except those the hypervisor drives; reads of the others give all ones, writes vanish. Nobody else has ports.
#pragma once
#include "core/vcpu.hpp"

namespace hv::x86 {
u32 read_port(Vcpu& vcpu, u16 port, u32 size);
void write_port(Vcpu& vcpu, u16 port, u32 size, u32 value);

// At boot: the hypervisor drives a device there.
void deny_ports(u16 first, u16 count);
}  // namespace hv::x86
