// SPDX-License-Identifier: MIT
// What really happens at an I/O port that a domain may use by its virtual IOPL or bitmap. Dom0 reaches the machine's
// ports except those the hypervisor drives; reads of the others give all ones, writes vanish. Nobody else has ports.
#pragma once
#include "core/vcpu.hpp"

namespace hv::x86 {
u32 read_port(Vcpu& vcpu, u16 port, u32 size);
void write_port(Vcpu& vcpu, u16 port, u32 size, u32 value);

struct PortRange {
    u16 first, count;
};
void deny_ports(PortRange range);  // at boot: the hypervisor drives a device there
void open_config_ports();          // at boot: dom0 has one vCPU, and between its accesses comes nobody

// Opens to dom0's kernel all ports that need no care, so that it uses this one itself and those that follow too. They
// are closed again when this CPU goes to user space or to another vCPU. False: not such a port, or open already.
bool let_through(Vcpu const& vcpu, u16 port, u32 size);
}  // namespace hv::x86
