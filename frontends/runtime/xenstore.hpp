// SPDX-License-Identifier: MIT
// A client of xenstore over the ring a domU is built with: one request at a time, and one watched path.
#pragma once
#include <array>
#include <string_view>

#include "public/start_info.hpp"
#include "runtime/hypercall.hpp"

namespace guest::xenstore {
// A reply's text. Longer ones are cut off.
class Value {
public:
    std::string_view text() const { return {bytes_.data(), length_}; }
    bool found() const { return found_; }

private:
    friend class Session;
    std::array<char, 256> bytes_{};
    std::size_t length_ = 0;
    bool found_ = false;
};

void initialise(abi::StartInfo const& info);
bool available();

// Paths are relative to the domain's own directory.
Value read(std::string_view path);
bool write(std::string_view path, std::string_view value);

// Blocks until the path has changed since the last call for it, or exists at the first call, and reads it.
Value wait_for_change(std::string_view path);
}  // namespace guest::xenstore
