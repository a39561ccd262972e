// SPDX-License-Identifier: MIT
#include "console/console_ring.hpp"

namespace paravane {
ConsoleRing::ConsoleRing(abi::io::ConsoleRing& page)
    : output_{page.out, page.out_prod, page.out_cons}, input_{page.in, page.in_prod, page.in_cons} {
    if (!output_.waiting()) output_.skip_all();
}

Result<std::string_view> ConsoleRing::take_output() {
    std::optional<std::size_t> count = output_.take(taken_);
    if (count) return std::string_view{taken_.data(), *count};
    output_.skip_all();
    return Error{"read the console ring", "the guest's index is not one of this ring"};
}

// A guest whose index is nonsense gets nothing until it makes sense again.
std::size_t ConsoleRing::give_input(std::string_view text) { return input_.put(text).value_or(0); }
}  // namespace paravane
