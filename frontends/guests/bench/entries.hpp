// SPDX-License-Identifier: MIT
// What entries.S defines, and how its entries are put in place of the runtime's.
#pragma once
#include "measure.hpp"

extern "C" {
extern char bench_return[], bench_skip_ud2[], bench_skip_load[], bench_upcall[], bench_syscall[];
extern char bench_user_code[], bench_user_syscalls[], bench_user_faults[], bench_user_code_end[];
}

namespace bench {
// guest::trap::initialise() puts the runtime's back.
void set_gate(u8 vector, char const* entry, u8 flags);
void set_callback(guest::u16 type, char const* entry, guest::u16 flags);
}  // namespace bench
