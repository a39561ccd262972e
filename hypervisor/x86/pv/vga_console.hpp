// SPDX-License-Identifier: MIT
// Read from the VGA's own registers (IBM VGA technical reference; the same on every adapter since).
#pragma once
#include <optional>
#include "public/start_info.hpp"
#include "x86/cpu/instructions.hpp"

namespace hv::x86 {
namespace vga {
struct IndexedRegisters {
    u16 port;
    u8 read(u8 index) const {
        cpu::outb(port, index);
        return cpu::inb(static_cast<u16>(port + 1));
    }
};
inline constexpr IndexedRegisters graphics{0x3ce};
inline constexpr IndexedRegisters crt{0x3d4};

inline constexpr u8 graphics_miscellaneous = 6;  // bit 0: graphics mode; all ones without an adapter
inline constexpr u8 horizontal_end = 1;
inline constexpr u8 overflow = 7;  // bits 1 and 6: bits 8 and 9 of the vertical end
inline constexpr u8 maximum_scan_line = 9;
inline constexpr u8 start_address_high = 0xc;
inline constexpr u8 cursor_high = 0xe;
inline constexpr u8 vertical_end = 0x12;

inline u16 pair(u8 high_index) {
    return static_cast<u16>(crt.read(high_index) << 8 | crt.read(static_cast<u8>(high_index + 1)));
}
}  // namespace vga

// What dom0 is told of the screen it takes over. Nothing if there is no VGA, or none in text mode.
inline std::optional<abi::Dom0VgaConsoleInfo> vga_console() {
    using namespace vga;
    if (graphics.read(graphics_miscellaneous) & 1) return std::nullopt;
    u16 columns = static_cast<u16>(crt.read(horizontal_end) + 1);
    u16 font_height = static_cast<u16>((crt.read(maximum_scan_line) & 0x1f) + 1);
    u8 high = crt.read(overflow);
    u16 lines = static_cast<u16>((crt.read(vertical_end) | (high & 2) << 7 | (high & 0x40) << 3) + 1);
    u16 cursor = static_cast<u16>(pair(cursor_high) - pair(start_address_high));

    abi::Dom0VgaConsoleInfo info{};
    info.video_type = abi::video_type::vga_text_3;
    info.u.text_mode_3 = {.font_height = font_height,
                          .cursor_x = static_cast<u16>(cursor % columns),
                          .cursor_y = static_cast<u16>(cursor / columns),
                          .rows = static_cast<u16>(lines / font_height),
                          .columns = columns};
    return info;
}
}  // namespace hv::x86
