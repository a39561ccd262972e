// SPDX-License-Identifier: MIT
// Where the image lies; for the linker script, assembly and C++ alike.
#pragma once

#define IMAGE_OFFSET 0xffff828000000000   // of a physical address in the image; L4 slot 261
#define IMAGE_PHYSICAL 0x200000           // 2 MiB: behind everything that firmware keeps below 1 MiB
