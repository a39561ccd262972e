// SPDX-License-Identifier: MIT
// What a guest has printed, in two files of bounded size that the supervisor lends: the newest, and the one before it.
// It is the log that people read, and it is the history that a client gets who comes late, also after this process was
// killed.
//
// Each byte has its place by its position, so writing something again that a killed process has written already, but
// not counted, changes nothing. When the newest file is full it is copied over the other one and begins anew.
#pragma once
#include <algorithm>

#include "console/log_file.hpp"
#include "portable/ring/stores.hpp"

namespace paravane::console {
// Part of the journal. Positions may count on from before zero: what stood in the files before this guest.
struct LogPlaces {
    std::uint64_t newest;  // position of the newest file's first byte
    std::uint64_t older;   // of the older file's; it ends where the newest begins
};

template <class Memory = hv::ring::Stores>
class Log {
public:
    Log(LogFile newest, LogFile older, LogPlaces& at, std::uint64_t limit)
        : newest_{std::move(newest)}, older_{std::move(older)}, at_{at}, limit_{limit} {}

    // Of a guest that has printed nothing yet: it is appended to what is there.
    void begin() {
        Memory::word(at_.newest, std::uint64_t{0} - newest_.size());
        Memory::word(at_.older, at_.newest - older_.size());
    }
    // Up to `position` was counted: what else is in the file was not. If it is shorter, somebody has cut it.
    void resume(std::uint64_t position) {
        std::uint64_t const size = newest_.size(), counted = position - at_.newest;
        if (size > counted) newest_.cut(counted);
        else if (size < counted) Memory::word(at_.newest, position - size);
    }

    // A full disk loses the text, not the console.
    void write(std::uint64_t position, std::string_view text) {
        if (position - at_.newest + text.size() > limit_) turn_over(position);
        Memory::step();
        std::size_t const lost = text.size() - newest_.write(text, position - at_.newest);
        if (lost != 0) Memory::word(at_.newest, at_.newest + lost);
    }

    std::uint64_t oldest() const { return at_.older; }
    // Some of what stands from `position` on, before `end`; nothing where it was lost.
    std::string_view read(std::uint64_t position, std::uint64_t end, std::span<char> into) const {
        bool const is_new = static_cast<std::int64_t>(position - at_.newest) >= 0;
        std::span<char> const wanted =
            into.first(std::min<std::uint64_t>(into.size(), (is_new ? end : at_.newest) - position));
        return {into.data(),
                is_new ? newest_.read(wanted, position - at_.newest) : older_.read(wanted, position - at_.older)};
    }

private:
    // At any of these steps the process may end: what the older file holds is given up first, and counts when it is
    // whole.
    void turn_over(std::uint64_t position) {
        Memory::word(at_.older, at_.newest);
        Memory::step();
        older_.cut(0);
        char piece[16384];
        for (std::uint64_t offset = 0; offset < position - at_.newest;) {
            std::size_t const count = newest_.read(
                std::span{piece}.first(std::min<std::uint64_t>(sizeof piece, position - at_.newest - offset)), offset);
            if (count == 0) break;
            Memory::step();
            older_.write({piece, count}, offset);
            offset += count;
        }
        Memory::word(at_.newest, position);
        Memory::step();
        newest_.cut(0);
    }

    LogFile newest_, older_;
    LogPlaces& at_;
    std::uint64_t limit_;
};
}  // namespace paravane::console
