// SPDX-License-Identifier: MIT
// What a PV kernel finds at RSI when it starts (xen.h).
#pragma once
#include "public/types.hpp"

namespace abi {
inline constexpr u32 max_guest_cmdline = 1024;

// Bits of StartInfo::flags. Bits 8-15 carry power management flags for dom0.
namespace sif {
inline constexpr u32 privileged = 1u << 0;
inline constexpr u32 initdomain = 1u << 1;
inline constexpr u32 multiboot_mod = 1u << 2;
inline constexpr u32 mod_start_pfn = 1u << 3;
inline constexpr u32 virt_p2m_4tools = 1u << 4;
inline constexpr u32 pm_mask = 0xffu << 8;
}  // namespace sif

struct StartInfo {
    char magic[32];
    u64 nr_pages;
    Maddr shared_info;
    u32 flags;
    u32 pad0;
    Mfn store_mfn;
    EvtchnPort store_evtchn;
    u32 pad1;
    union {
        struct {
            Mfn mfn;
            EvtchnPort evtchn;
            u32 pad;
        } domU;
        struct {
            u32 info_off;  // of a Dom0VgaConsoleInfo, from the start of this structure
            u32 info_size;
            u64 pad;
        } dom0;
    } console;
    Vaddr pt_base;
    u64 nr_pt_frames;
    Vaddr mfn_list;
    u64 mod_start;  // a Pfn with sif::mod_start_pfn, else a Vaddr
    u64 mod_len;
    char cmd_line[max_guest_cmdline];
    Pfn first_p2m_pfn;
    u64 nr_p2m_frames;
};
static_assert(sizeof(StartInfo) == 1168);

inline constexpr char start_info_magic[] = "xen-3.0-x86_64";

struct Dom0VgaConsoleInfo {
    u8 video_type;
    u8 pad0[3];
    union {
        struct {
            u16 font_height;
            u16 cursor_x;
            u16 cursor_y;
            u16 rows;
            u16 columns;
        } text_mode_3;
        struct {
            u16 width;
            u16 height;
            u16 bytes_per_line;
            u16 bits_per_pixel;
            u32 lfb_base;
            u32 lfb_size;
            u8 red_pos, red_size;
            u8 green_pos, green_size;
            u8 blue_pos, blue_size;
            u8 rsvd_pos, rsvd_size;
            u32 gbl_caps;
            u16 mode_attrs;
            u16 pad;
            u32 ext_lfb_base;
        } vesa_lfb;
    } u;
};
static_assert(sizeof(Dom0VgaConsoleInfo) == 40);

namespace video_type {
inline constexpr u8 vga_text_3 = 0x03;
inline constexpr u8 vesa_lfb = 0x23;
inline constexpr u8 efi_lfb = 0x70;
}  // namespace video_type
}  // namespace abi
