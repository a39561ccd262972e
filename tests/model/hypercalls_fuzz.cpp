// SPDX-License-Identifier: MIT
// libFuzzer on whole sequences of hypercalls.
#include "model/hypercalls.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    model::Tally tally;
    model::run_hypercalls({data, size}, 8, tally);
    return 0;
}
