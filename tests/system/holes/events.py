# SPDX-License-Identifier: MIT
"""What is taken out for the attacks events.*; the form is in __init__.py."""
HOLES = [
    ("events.port_numbers", "numbers of ports",
     [("core/event/event_table.hpp",
       "if (index == 0 || !check_index(index, ports_.load(std::memory_order_relaxed))) return nullptr;",
       "")]),
    ("events.vcpu_numbers", "the vCPU of an IPI",
     [("core/event/event_table.cpp",
       "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {\n"
       "    if (!domain_.vcpu(vcpu)) return Errno::noent;",
       "Result<EvtchnPort> EventChannels::bind_ipi(VcpuId vcpu) {")]),
    ("events.other_domains", "who may speak for others",
     [("core/domain_table.cpp",
       "if (!caller.privileged) return Errno::perm;",
       "")]),
    ("events.all_ports", "how many ports a domain may have",
     [("core/event/event_table.cpp",
       "ports_ = std::min(domain_.max_event_channels, count - 1) + 1;",
       "ports_ = count;")]),
    ("events.shared_bits", "nobody waits for the guest's bits",
     [("core/event/two_level.cpp",
       "u64 const word = u64{1} << word_of(port);",
       "u64 const word = u64{1} << word_of(port);\n"
       "    while (__atomic_load_n(&info->evtchn_upcall_mask, __ATOMIC_RELAXED)) {}")]),
]
