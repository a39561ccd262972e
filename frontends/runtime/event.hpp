// SPDX-License-Identifier: MIT
// Event channels of one vCPU over the 2-level arrays, and the page shared with the hypervisor.
#pragma once
#include "public/shared_info.hpp"
#include "public/start_info.hpp"
#include "runtime/hypercall.hpp"

namespace guest {
// Written by the hypervisor at any time.
abi::SharedInfo volatile& shared_info();
abi::VcpuInfo volatile& vcpu_info();

using EventHandler = void (*)(EvtchnPort);

namespace event {
// Maps shared_info and masks every port. Upcalls stay masked until enable().
void initialise(abi::StartInfo const& info);

// Where vcpu_info is after VCPUOP_register_vcpu_info.
void use_vcpu_info(abi::VcpuInfo volatile& place);

// Upcalls on this vCPU.
void enable();
void disable();
bool enabled();

void set_handler(EvtchnPort port, EventHandler handler);  // the port is unmasked, or with nullptr masked
void mask(EvtchnPort port);
void unmask(EvtchnPort port);
bool pending(EvtchnPort port);
bool masked(EvtchnPort port);
void clear(EvtchnPort port);
i64 send(EvtchnPort port);

// Sleeps until the port is pending, or until the time. Works with upcalls masked. False: the time came first.
bool wait(EvtchnPort port, u64 deadline);
}  // namespace event

// Hands every pending unmasked event to its handler.
void deliver_events();
}  // namespace guest
