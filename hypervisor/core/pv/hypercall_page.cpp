// SPDX-License-Identifier: MIT
#include "core/pv/hypercall_page.hpp"
#include <algorithm>
#include <cstring>
#include "public/hypercall.hpp"

namespace hv::pv {
void fill_hypercall_page(std::span<std::byte, page_size> page) {
    // push rcx; push r11; mov eax, number; syscall; pop r11; pop rcx; ret: SYSCALL destroys rcx and r11
    constexpr u8 call[] = {0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    // push rcx; push r11; push rax; mov eax, number; syscall: the frame of iret, which does not come back
    constexpr u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05};
    constexpr std::byte breakpoint{0xcc};
    constexpr u32 slot_size = 32;
    std::ranges::fill(page, breakpoint);
    for (u32 number = 0; number < page_size / slot_size; ++number) {
        bool const is_iret = number == abi::hypercall::iret;
        std::span<u8 const> const code = is_iret ? std::span<u8 const>{iret} : call;
        std::byte* const slot = page.data() + number * slot_size;
        std::memcpy(slot, code.data(), code.size());
        std::memcpy(slot + (is_iret ? 5 : 4), &number, sizeof(number));
    }
}
}  // namespace hv::pv
