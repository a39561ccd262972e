// SPDX-License-Identifier: MIT
// set_segment_base.
#include "privileged.hpp"

namespace selftest {
void test_segments() {
    static constinit u64 fs_word[1] = {0xf5};
    static constinit u64 gs_word[1] = {0x65};
    ok(guest::set_segment_base(abi::segbase::fs, address_of(fs_word)), "fs");
    equal(read_fs_word(), 0xf5, "moves it");
    ok(guest::set_segment_base(abi::segbase::gs_kernel, address_of(gs_word)), "the kernel's gs");
    equal(read_gs_word(), 0x65, "moves it");
    ok(guest::set_segment_base(abi::segbase::gs_user, 0x12345000), "the user's gs");
    equal(read_gs_word(), 0x65, "does not move the kernel's");
    equal(read_msr(msr::kernel_gs_base), 0x12345000, "but is kept");
    for (u32 which : {abi::segbase::fs, abi::segbase::gs_user, abi::segbase::gs_kernel}) {
        fails(guest::set_segment_base(which, u64{1} << 63), Errno::inval, "a base that is not canonical");
    }
    ok(guest::set_segment_base(abi::segbase::gs_user_sel, 0), "the user's gs selector, null");
    equal(read_gs_word(), 0x65, "the kernel's gs stays");
    ok(guest::set_segment_base(abi::segbase::gs_user_sel, abi::selector::flat_ss), "a selector that exists");
    equal(read_msr(msr::kernel_gs_base), 0, "has base 0");
    ok(guest::set_segment_base(abi::segbase::gs_user_sel, 0), "null again");
    fails(guest::set_segment_base(9, 0), Errno::inval, "no such base");
    ok(guest::set_segment_base(abi::segbase::fs, 0), "fs back to 0");
    ok(guest::set_segment_base(abi::segbase::gs_kernel, 0), "gs too");
    ok(guest::set_segment_base(abi::segbase::gs_user, 0), "and the user's");
}
}  // namespace selftest
