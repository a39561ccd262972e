// SPDX-License-Identifier: MIT
// The bookkeeping of the self-test: every check prints one line, the last line of the run is PASS or FAIL.
#pragma once
#include <string_view>

#include "runtime/console.hpp"
#include "runtime/hypercall.hpp"
#include "runtime/trap.hpp"

namespace selftest {
using guest::address_of;
using guest::Errno;
using guest::i32;
using guest::i64;
using guest::Mfn;
using guest::u16;
using guest::u32;
using guest::u64;
using guest::u8;

void check(bool good, std::string_view what);
void equal(u64 actual, u64 expected, std::string_view what);
void ok(i64 result, std::string_view what);                     // zero
void fails(i64 result, Errno expected, std::string_view what);  // the negated error
u32 failures();

// The function must raise the exception with this error code.
template <class Function>
void traps(Function function, u64 vector, u64 error_code, std::string_view what) {
    guest::TrapFrame frame{};
    if (!guest::trap::attempt(function, frame)) {
        check(false, what);
        return;
    }
    if (frame.vector != vector) {
        equal(frame.vector, vector, what);
        return;
    }
    equal(frame.error_code, error_code, what);
}

// The function must run to its end.
template <class Function>
bool runs(Function function, std::string_view what) {
    guest::TrapFrame frame{};
    bool trapped = guest::trap::attempt(function, frame);
    if (trapped) { guest::print_frame(frame); }
    check(!trapped, what);
    return !trapped;
}

// The number of this domain: known in dom0, asked of xenstore in a domU.
guest::Domid own_domid();

// One function for each topic.
void test_hypercalls();
void test_multicall();
void test_exception_frames();
void test_iret();
void test_traps();
void test_mmu_update();
void test_update_va_mapping();
void test_pinning();
void test_mmuext();
void test_writable_tables();
void test_event_channels();
void test_upcalls();
void test_timers();
void test_vcpu_ops();
void test_fifo();
void test_grant_maps();
void test_grant_copies();
void test_reservations();
void test_exchange();
void test_msrs();
void test_control_registers();
void test_ports();
void test_cpuid();
void test_user_mode();
void test_descriptors();
void test_segments();
void test_debug_registers();
void test_fpu();
}  // namespace selftest
