// SPDX-License-Identifier: MIT
// Included before everything else: declarations too are of this image, so no address needs a global offset table.
#pragma GCC visibility push(hidden)
