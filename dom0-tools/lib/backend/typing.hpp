// SPDX-License-Identifier: MIT
// What somebody has typed at a console and does not know to have reached the guest. It is kept, so that it can be typed
// again, and not twice, at the backend that comes after one that was killed.
#pragma once
#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "backend/console_protocol.hpp"

namespace paravane::console {
class Typing {
public:
    static constexpr std::size_t most_on_its_way = std::size_t{64} << 10;

    // `text` was typed already.
    explicit Typing(std::string text = {}) : text_{std::move(text)} {}

    // Nobody else's.
    std::uint64_t number() const { return number_; }

    // False: somebody else types, so this is not taken.
    bool add(std::string_view text) {
        if (may_ == May::no) return false;
        text_ += text;
        return true;
    }
    // What the backend that we are at may be given now.
    std::string_view to_send() const {
        if (may_ != May::yes || sent_ >= most_on_its_way) return {};
        return std::string_view{text_}.substr(sent_, most_on_its_way - sent_);
    }
    void sent(std::size_t count) { sent_ += count; }
    bool all_is_sent() const { return sent_ == text_.size(); }

    // The backend is gone. What it has done with the rest of ours the next one tells.
    void backend_gone() { may_ = May::unknown; }
    // Each says how many bytes were typed for nothing, as far as anybody knows.
    [[nodiscard]] std::size_t another_guest() {
        std::size_t const lost = sent_;
        text_.erase(0, sent_);
        *this = Typing{std::move(text_)};
        return lost;
    }
    [[nodiscard]] std::size_t hear_may_not() {
        std::size_t const lost = text_.size();
        text_.clear();
        sent_ = 0;
        may_ = May::no;
        return lost;
    }
    [[nodiscard]] std::size_t hear_may_type(Progress told) {
        bool const is_another_backend = may_ == May::unknown;
        std::uint64_t const before = told_.yours != 0 ? told_.given : 0;
        std::size_t arrived = 0, lost = 0;
        if (told.yours != 0) arrived = told.given - std::min(told.given, before);
        else if (is_another_backend && sent_ != 0 && told != told_) lost = sent_;
        text_.erase(0, arrived = std::min(arrived + lost, sent_));
        sent_ = is_another_backend ? 0 : sent_ - arrived;
        told_ = told;
        may_ = May::yes;
        return lost;
    }

private:
    enum class May : std::uint8_t { unknown, yes, no };

    static std::uint64_t choose_number() {
        std::random_device random;
        return (std::uint64_t{random()} << 32 | random()) | 1;
    }

    std::uint64_t number_ = choose_number();
    std::string text_;  // the first sent_ bytes of it are on their way
    std::size_t sent_ = 0;
    Progress told_{};
    May may_ = May::unknown;
};
}  // namespace paravane::console
