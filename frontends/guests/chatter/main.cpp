// SPDX-License-Identifier: MIT
// Prints numbered lines, says what it reads, line by line, and ends when it reads "end". pause=MS between two lines (20
// without); pause=0 prints as fast as it can. reads=no never reads.
#include "portable/base/number.hpp"
#include "runtime/guest.hpp"
#include "runtime/time.hpp"

namespace {
using guest::console::read;
using guest::console::wait_for_input;

std::array<char, 128> line{};
std::size_t length = 0;

// Whole lines of what was typed. False at the last one.
bool listen() {
    std::array<char, 64> typed;
    while (std::size_t const count = read(typed)) {
        for (char c : std::span{typed}.first(count)) {
            if (c != '\n' && c != '\r') {
                if (length < line.size()) { line[length++] = c; }
                continue;
            }
            std::string_view const text{line.data(), length};
            if (!text.empty()) { guest::print("read {}\n", text); }
            length = 0;
            if (text == "end") { return false; }
        }
    }
    return true;
}
}  // namespace

void guest::main() {
    u64 const pause = hv::parse_decimal<u64>(option("pause")).value_or(20) * time::millisecond;
    bool const reads = option("reads") != "no";
    for (u64 number = 0;; ++number) {
        print("line {}\n", number);
        u64 const next = time::now() + pause;
        do {
            if (reads && !listen()) { return; }
            if (pause != 0) { wait_for_input(next); }
        } while (time::now() < next);
    }
}
