// SPDX-License-Identifier: MIT
// A behavioural test of the PV interface, seen from inside a guest. It runs as dom0 and as domU; every expectation is
// what Debian's Xen 4.17 does. Options: only=TOPIC, skip=TOPIC, exit=reboot.
#include <array>

#include "check.hpp"
#include "portable/base/number.hpp"
#include "runtime/guest.hpp"
#include "runtime/xenstore.hpp"

namespace selftest {
namespace {
constinit u32 failed = 0;
constinit u32 passed = 0;

struct Topic {
    std::string_view name;
    void (*run)();
};

constexpr std::array topics{
    Topic{"hypercalls", test_hypercalls},
    Topic{"multicall", test_multicall},
    Topic{"frames", test_exception_frames},
    Topic{"iret", test_iret},
    Topic{"traps", test_traps},
    Topic{"mmu_update", test_mmu_update},
    Topic{"update_va_mapping", test_update_va_mapping},
    Topic{"pinning", test_pinning},
    Topic{"mmuext", test_mmuext},
    Topic{"writable_tables", test_writable_tables},
    Topic{"event_channels", test_event_channels},
    Topic{"upcalls", test_upcalls},
    Topic{"timers", test_timers},
    Topic{"grant_maps", test_grant_maps},
    Topic{"grant_copies", test_grant_copies},
    Topic{"reservations", test_reservations},
    Topic{"exchange", test_exchange},
    Topic{"msrs", test_msrs},
    Topic{"control_registers", test_control_registers},
    Topic{"ports", test_ports},
    Topic{"cpuid", test_cpuid},
    Topic{"user_mode", test_user_mode},
    Topic{"descriptors", test_descriptors},
    Topic{"segments", test_segments},
    Topic{"debug_registers", test_debug_registers},
    Topic{"fpu", test_fpu},
    Topic{"vcpu_ops", test_vcpu_ops},  // late: vcpu_info moves for good
    Topic{"fifo", test_fifo},          // last: the ports of the runtime are closed
};

guest::Domid read_domid() {
    return guest::Domid{hv::parse_decimal<u16>(guest::xenstore::read("domid").text()).value_or(0)};
}
}  // namespace

void check(bool good, std::string_view what) {
    ++(good ? passed : failed);
    guest::print("{} {}\n", good ? std::string_view{"PASS"} : std::string_view{"FAIL"}, what);
}

void equal(u64 actual, u64 expected, std::string_view what) {
    if (actual != expected) { guest::print("got {:x}, expected {:x}:\n", actual, expected); }
    check(actual == expected, what);
}

void ok(i64 result, std::string_view what) {
    if (result != 0) { guest::print("got {}, expected 0:\n", result); }
    check(result == 0, what);
}

void fails(i64 result, Errno expected, std::string_view what) {
    if (result != guest::failure(expected)) {
        guest::print("got {}, expected {}:\n", result, guest::failure(expected));
    }
    check(result == guest::failure(expected), what);
}

u32 failures() { return failed; }

guest::Domid own_domid() { return guest::is_dom0() ? guest::Domid{0} : read_domid(); }
}  // namespace selftest

void guest::main() {
    std::string_view only = option("only");
    std::string_view skip = option("skip");
    for (selftest::Topic const& topic : selftest::topics) {
        if ((only.empty() || only == topic.name) && skip != topic.name) {
            print("-- {}\n", topic.name);
            topic.run();
        }
    }
    print("{} checks passed, {} failed\n", selftest::passed, selftest::failed);
    print(selftest::failed == 0 ? "PASS\n" : "FAIL\n");
    if (option("exit") == "reboot") { shutdown(abi::ShutdownReason::reboot); }
}
