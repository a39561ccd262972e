// SPDX-License-Identifier: MIT
// bool load_XX_selector(edi = selector): false if the load faults, and the selector is null then.
#include "frame.h"

    .text
    .macro load_selector register:req
function load_\register\()_selector
.Lload_\register:
    movl %edi, %\register
    movl $1, %eax
    ret
.Lbad_\register:
    xorl %eax, %eax
    movl %eax, %\register
    ret
    FAULT_AT(.Lload_\register, .Lbad_\register)
    .endm

    load_selector es
    load_selector ds
    load_selector fs
    load_selector gs

    .section .note.GNU-stack, "", @progbits
