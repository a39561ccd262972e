// SPDX-License-Identifier: MIT
// For assembly: an instruction that speculation.cpp takes out where the processor does not need it.
#pragma once

#define PATCH_VERW 0      // of 7 bytes
#define PATCH_BARRIER 1   // of 5 bytes
.macro patch_site kind:req, instruction:vararg
.Lpatch\@:
    \instruction
    .pushsection .patch_sites, "a"; .quad .Lpatch\@, \kind; .popsection
.endm
