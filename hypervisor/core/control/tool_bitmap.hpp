// SPDX-License-Identifier: MIT
// Bitmaps of CPUs and nodes in the form in which tools pass them (domctl.h, xenctl_bitmap).
#pragma once
#include "base/bitmap.hpp"
#include "portable/base/result.hpp"
#include "public/domctl.hpp"

namespace hv::control {
Result<CpuMask> read_bitmap(abi::Bitmap const& from);               // bits beyond max_cpus are ignored
Result<> write_bitmap(abi::Bitmap const& to, CpuMask const& mask);  // all of the tool's bits, zeros at the end
}  // namespace hv::control
