// SPDX-License-Identifier: MIT
// The guest's console: the ring that a builder provides to a domU, the hypervisor's own console for dom0.
#pragma once
#include <array>
#include <span>
#include <string_view>

#include "portable/base/format.hpp"
#include "public/start_info.hpp"

namespace guest {
namespace console {
// Before this, output goes by hypercall only.
void initialise(abi::StartInfo const& info);

void write(std::string_view text);

// Waits, for a limited time, until the other side has read everything.
void flush();

// What was typed, as much as is there and fits; a domU's only.
std::size_t read(std::span<char> to);
// Sleeps until something was typed (or taken from what we wrote), or until the time.
void wait_for_input(abi::u64 deadline);
}  // namespace console

// `{}` decimal or text, `{:x}` hexadecimal.
void print_args(std::string_view pattern, std::span<hv::FormatArg const> args);

template <class... Args>
void print(std::string_view pattern, Args const&... args) {
    std::array<hv::FormatArg, sizeof...(Args) + 1> list{hv::FormatArg{args}..., hv::FormatArg{0u}};
    print_args(pattern, std::span<hv::FormatArg const>{list.data(), sizeof...(Args)});
}
}  // namespace guest
