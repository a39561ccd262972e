// SPDX-License-Identifier: MIT
#include "core/pv/hypercall_page.hpp"
#include <algorithm>
#include <array>
#include <cstring>
#include "public/hypercall.hpp"

namespace hv::pv {
namespace {
constexpr u32 slot_size = 32;
constexpr u8 breakpoint = 0xcc;

template <usize Size>
void put(std::byte* slot, std::array<u8, Size> code, usize number_at, u32 number) {
    std::memcpy(slot, code.data(), code.size());
    std::memcpy(slot + number_at, &number, sizeof(number));
}
}  // namespace

void fill_hypercall_page(std::span<std::byte, page_size> page) {
    std::ranges::fill(page, std::byte{breakpoint});
    for (u32 number = 0; number < page_size / slot_size; ++number) {
        std::byte* const slot = page.data() + number * slot_size;
        if (number == abi::hypercall::iret) {
            // push rcx; push r11; push rax; mov eax, number; syscall: the frame of iret, which does not come back
            put(slot, std::to_array<u8>({0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05}), 5, number);
        } else {
            // push rcx; push r11; mov eax, number; syscall; pop r11; pop rcx; ret: SYSCALL destroys rcx and r11
            put(slot, std::to_array<u8>({0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3}), 4,
                number);
        }
    }
}
}  // namespace hv::pv
