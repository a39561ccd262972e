// SPDX-License-Identifier: MIT
// The last so many bytes a guest printed, addressed by their position in all it ever printed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace paravane {
class Scrollback {
public:
    explicit Scrollback(std::size_t capacity) : capacity_{capacity} {}

    void append(std::string_view text);

    std::uint64_t begin() const { return begin_; }               // position of the oldest byte kept
    std::uint64_t end() const { return begin_ + kept_.size(); }  // one past the newest
    // From `position` (at least begin()) to the end.
    std::string_view from(std::uint64_t position) const;

private:
    std::size_t capacity_;
    std::string kept_;
    std::uint64_t begin_ = 0;
};
}  // namespace paravane
