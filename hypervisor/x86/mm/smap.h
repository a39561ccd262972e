// SPDX-License-Identifier: MIT
// For assembly: around what accesses guest memory, where supervisor mode may not otherwise (SMAP). Both are NOPs of three
// bytes until features.cpp writes the instructions there, as the processor may not have them. Behind a fault the flags are
// ours again (handle_hypervisor_trap), so no fixup needs to close.
#pragma once

#define STAC 0xcb010f
#define CLAC 0xca010f

.macro smap_site instruction:req
.Lsite\@:
    .byte 0x0f, 0x1f, 0x00
    .pushsection .smap_sites, "a"
    .quad .Lsite\@, \instruction
    .popsection
.endm
.macro open_guest_memory
    smap_site STAC
.endm
.macro close_guest_memory
    smap_site CLAC
.endm
