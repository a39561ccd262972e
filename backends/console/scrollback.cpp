// SPDX-License-Identifier: MIT
#include "console/scrollback.hpp"

namespace paravane {
// Cuts when a quarter more than the capacity has piled up, so that a byte is moved a few times at most.
void Scrollback::append(std::string_view text) {
    kept_ += text;
    if (kept_.size() <= capacity_ + capacity_ / 4) return;
    std::size_t surplus = kept_.size() - capacity_;
    kept_.erase(0, surplus);
    begin_ += surplus;
}

std::string_view Scrollback::from(std::uint64_t position) const {
    if (position < begin_ || position >= end()) return {};
    return std::string_view{kept_}.substr(position - begin_);
}
}  // namespace paravane
