// SPDX-License-Identifier: MIT
// libFuzzer on the page-type core, with the same operations and the same oracle as the model test.
#include "model/operations.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    model::Stage stage;
    model::Tally tally;
    model::run(stage, {data, size}, 16, tally);
    return 0;
}
