// SPDX-License-Identifier: MIT
// Our namespace abi beside the compiler's: <cxxabi.h> of libstdc++ declares `abi` as an alias of its own
// namespace, and GoogleTest includes it. In hosted builds it is therefore included here first, with the alias renamed,
// and what GoogleTest looks for under that name is lent to ours.
#pragma once

#if __STDC_HOSTED__ && __has_include(<cxxabi.h>)
#ifdef _CXXABI_H
#error "include the headers of public/ before those that include <cxxabi.h>, GoogleTest's among them"
#endif
#define abi compiler_abi
#include <cxxabi.h>
#undef abi

namespace abi {
using __cxxabiv1::__cxa_demangle;
}  // namespace abi
#endif
