// SPDX-License-Identifier: MIT
#include "public/start_info.hpp"

#include <gtest/gtest.h>

#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiStartInfo, LayoutIsXens) {
    SAME(abi::StartInfo, start_info, magic, nr_pages, shared_info, flags, store_mfn, store_evtchn, console, pt_base,
         nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line, first_p2m_pfn, nr_p2m_frames)
    SAME_MEMBER(abi::StartInfo, start_info, console.domU.mfn)
    SAME_MEMBER(abi::StartInfo, start_info, console.domU.evtchn)
    SAME_MEMBER(abi::StartInfo, start_info, console.dom0.info_off)
    SAME_MEMBER(abi::StartInfo, start_info, console.dom0.info_size)
    SAME_VALUE(abi::max_guest_cmdline, MAX_GUEST_CMDLINE);
    SAME_VALUE(abi::sif::privileged, SIF_PRIVILEGED);
    SAME_VALUE(abi::sif::initdomain, SIF_INITDOMAIN);
    SAME_VALUE(abi::sif::multiboot_mod, SIF_MULTIBOOT_MOD);
    SAME_VALUE(abi::sif::mod_start_pfn, SIF_MOD_START_PFN);
    SAME_VALUE(abi::sif::virt_p2m_4tools, SIF_VIRT_P2M_4TOOLS);
    SAME_VALUE(abi::sif::pm_mask, SIF_PM_MASK);
}

TEST(AbiStartInfo, VgaConsoleIsXens) {
    SAME(abi::Dom0VgaConsoleInfo, dom0_vga_console_info, video_type, u.text_mode_3.font_height, u.text_mode_3.cursor_x,
         u.text_mode_3.cursor_y, u.text_mode_3.rows, u.text_mode_3.columns, u.vesa_lfb.width, u.vesa_lfb.lfb_base,
         u.vesa_lfb.lfb_size, u.vesa_lfb.red_pos, u.vesa_lfb.rsvd_size, u.vesa_lfb.gbl_caps, u.vesa_lfb.mode_attrs,
         u.vesa_lfb.ext_lfb_base)
    SAME_VALUE(abi::video_type::vga_text_3, XEN_VGATYPE_TEXT_MODE_3);
    SAME_VALUE(abi::video_type::vesa_lfb, XEN_VGATYPE_VESA_LFB);
    SAME_VALUE(abi::video_type::efi_lfb, XEN_VGATYPE_EFI_LFB);
}
