// SPDX-License-Identifier: MIT
// What boot loaders look for near the start of the file. QEMU's -kernel takes multiboot 1 and refuses ELF64, hence the
// load addresses (Multiboot 0.6.96, 3.1.3); GRUB takes multiboot 2 (Multiboot2 2.0, 3.1).
#include "x86/boot/long_mode.h"

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003       // modules on pages, memory information, load addresses
#define MB2_MAGIC 0xe85250d6

    .section .multiboot, "a"
    .balign 8
mb1_header:
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
    .long PHYSICAL(mb1_header)
    .long IMAGE_PHYSICAL           // load address
    .long PHYSICAL(data_end)       // end of what is in the file
    .long PHYSICAL(image_end)      // end of the zeroes
    .long PHYSICAL(boot_entry)

    .balign 8
mb2_header:
    .long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))

    .balign 8                      // information request: command line, modules, memory map
    .short 1, 0
    .long 20
    .long 1, 3, 6
    .balign 8                      // entry address; GRUB would translate e_entry too, this says what is meant
    .short 3, 0
    .long 12
    .long PHYSICAL(boot_entry)
    .balign 8                      // modules on pages
    .short 6, 0
    .long 8
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

    .section .note.GNU-stack, "", @progbits
