// SPDX-License-Identifier: MIT
// What was typed and has not reached the guest yet. It is gone with this process; but whose bytes the guest has, and
// how many of them, is in the journal, so who typed them can go on after a kill at the right one.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

#include "backend/console_protocol.hpp"
#include "portable/ring/stores.hpp"

namespace paravane::console {
// Part of the journal.
struct TypedPlaces {
    std::uint64_t given;   // bytes that the guest got, of whomever
    std::uint64_t typist;  // who has begun to type last; 0: nobody
    std::uint64_t from;    // the first byte of that one, among all that the guest gets
};

template <class Memory = hv::ring::Stores>
class Typed {
public:
    static constexpr std::size_t ahead = 4096;                  // then the one who types has to wait
    static constexpr std::size_t most = std::size_t{64} << 10;  // of one who has gone

    explicit Typed(TypedPlaces& at) : at_{at} {
        // What was typed before those bytes was lost with the process before this one.
        if (at_.from > at_.given) Memory::word(at_.from, at_.given);
    }

    std::string const& waiting() const { return waiting_; }
    // Who begins after somebody else, or goes on.
    void begin(std::uint64_t typist) {
        if (at_.typist == typist) return;
        Memory::word(at_.typist, 0);
        Memory::word(at_.from, at_.given + waiting_.size());
        Memory::word(at_.typist, typist);
    }
    void add(std::string_view text) { waiting_ += text; }
    // Before the guest can see them.
    void count(std::size_t bytes) { Memory::word(at_.given, at_.given + bytes); }
    void drop(std::size_t bytes) { waiting_.erase(0, bytes); }

    std::uint64_t given() const { return at_.given; }
    bool has_begun(std::uint64_t typist) const { return typist != 0 && at_.typist == typist; }
    // What a typist is told of it.
    Progress of(std::uint64_t typist) const {
        if (!has_begun(typist)) return {.yours = 0, .given = at_.given};
        return {.yours = 1, .given = at_.given - std::min(at_.given, at_.from)};
    }

private:
    TypedPlaces& at_;
    std::string waiting_;
};
}  // namespace paravane::console
