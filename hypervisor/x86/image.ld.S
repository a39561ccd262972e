// SPDX-License-Identifier: MIT
// One run of memory, loaded from one run of the file (QEMU's multiboot loader takes the image as flat): headers and code,
// read-only data, data, zeroes. Each part begins on a page of its own, since each is mapped with its own rights.
#include "x86/boot/image.h"

OUTPUT_FORMAT(elf64-x86-64)
ENTRY(boot_entry)

PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    bss PT_LOAD FLAGS(6);   // of its own: its alignment must not move the data in the file
}

SECTIONS
{
    . = IMAGE_OFFSET + IMAGE_PHYSICAL;
    image_start = .;
    .text : AT(ADDR(.text) - IMAGE_OFFSET) {
        *(.multiboot)
        *(.text.boot)
        *(.text.entry*)
        *(.text.hot*) *(.text .text.*)
        . = ALIGN(4096);
        trampoline_start = .;
        *(.trampoline)
        . = ALIGN(4096);
        trampoline_end = .;
    } :text
    text_end = .;

    .rodata : AT(ADDR(.rodata) - IMAGE_OFFSET) {
        *(.rodata.symbols)
        *(.rodata .rodata.*)
        *(.data.rel.ro .data.rel.ro.*)
        . = ALIGN(8);
        extable_start = .;
        KEEP(*(.extable))
        extable_end = .;
        patch_sites_start = .;
        KEEP(*(.patch_sites))
        patch_sites_end = .;
        . = ALIGN(4096);
    } :rodata
    rodata_end = .;

    .data : AT(ADDR(.data) - IMAGE_OFFSET) {
        *(.data .data.*)
        . = ALIGN(4096);
    } :data
    data_end = .;

    .bss : AT(ADDR(.bss) - IMAGE_OFFSET) {
        *(.bss.stack)
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
    } :bss
    image_end = .;

    .init_array : { *(.init_array .init_array.* .ctors) }
    .got : { *(.got .got.plt) }
    .rela : { *(.rela.*) }
    /DISCARD/ : { *(.comment .note.* .eh_frame) }
}

ASSERT(SIZEOF(.init_array) == 0, "a global needs a constructor at run time: make it constinit")
ASSERT(SIZEOF(.got) == 0, "a global offset table: something is not hidden")
ASSERT(SIZEOF(.rela) == 0, "relocations in the image")
ASSERT(trampoline_end - trampoline_start == 4096, "the trampolines are one page")
ASSERT(image_end - image_start < 0x3fe00000, "the boot tables map the first GiB")
