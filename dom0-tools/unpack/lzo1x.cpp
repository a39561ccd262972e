// SPDX-License-Identifier: MIT
#include "unpack/lzo1x.hpp"

#include <algorithm>
#include <cstdint>

namespace paravane {
namespace {
// A block is a row of instructions. Each copies a match from the output so far, followed by up to three literals, or is
// a longer run of literals. What a first byte below 16 means depends on the literals just copied: none, one to three,
// or a run.
class Block {
public:
    Block(std::span<std::byte const> in, std::span<std::byte> out) : in_{in}, out_{out} {}

    bool unpack() {
        first_instruction();
        while (!failed_ && !ended_) instruction(byte());
        return !failed_ && at_in_ == in_.size() && at_out_ == out_.size();
    }

private:
    static constexpr std::size_t a_run = 4;

    std::size_t byte() {
        if (at_in_ < in_.size()) return std::to_integer<std::size_t>(in_[at_in_++]);
        failed_ = true;
        return 0;
    }
    // Two bytes behind a far match: 14 bits of distance, two of literals.
    std::size_t little16() {
        std::size_t const low = byte();
        return low | byte() << 8;
    }
    // A length whose field is 0 goes on in bytes: each zero is 255, the first other one ends it.
    std::size_t long_length(std::size_t field, std::size_t most_in_field) {
        if (field != 0) return field;
        std::size_t length = most_in_field;
        for (;;) {
            std::size_t const more = byte();
            if (more != 0 || failed_) return length + more;
            length += 255;
        }
    }

    void literals(std::size_t count) {
        if (failed_ || count > in_.size() - at_in_ || count > out_.size() - at_out_) {
            failed_ = true;
            return;
        }
        std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(at_in_), count,
                    out_.begin() + static_cast<std::ptrdiff_t>(at_out_));
        at_in_ += count;
        at_out_ += count;
        copied_ = std::min(count, a_run);
    }
    void match(std::size_t distance, std::size_t length, std::size_t literals_behind) {
        if (failed_ || distance > at_out_ || length > out_.size() - at_out_) {
            failed_ = true;
            return;
        }
        for (; length != 0; --length, ++at_out_) out_[at_out_] = out_[at_out_ - distance];  // they may overlap
        literals(literals_behind);
    }

    // Only the first byte can be a run of literals above 17.
    void first_instruction() {
        if (in_.empty() || std::to_integer<std::size_t>(in_[0]) <= 17) return;
        literals(byte() - 17);
    }

    void instruction(std::size_t code) {
        if (code >= 64) {
            std::size_t const length = code >= 128 ? 5 + (code >> 5 & 3) : 3 + (code >> 5 & 1);
            match((byte() << 3) + (code >> 2 & 7) + 1, length, code & 3);
        } else if (code >= 32) {
            std::size_t const length = 2 + long_length(code & 31, 31);
            std::size_t const place = little16();
            match((place >> 2) + 1, length, place & 3);
        } else if (code >= 16) {
            std::size_t const length = 2 + long_length(code & 7, 7);
            std::size_t const place = little16();
            std::size_t const beyond = ((code & 8) << 11) + (place >> 2);
            if (beyond == 0) ended_ = true;
            else match(16384 + beyond, length, place & 3);
        } else if (copied_ == 0) {
            literals(3 + long_length(code, 15));
        } else {
            bool const behind_run = copied_ == a_run;
            std::size_t const near = (byte() << 2) + (code >> 2) + 1;
            match(behind_run ? near + 2048 : near, behind_run ? 3 : 2, code & 3);
        }
    }

    std::span<std::byte const> in_;
    std::span<std::byte> out_;
    std::size_t at_in_ = 0;
    std::size_t at_out_ = 0;
    std::size_t copied_ = 0;  // literals by the last instruction; a_run for as many or more
    bool failed_ = false;
    bool ended_ = false;
};
}  // namespace

bool unpack_lzo1x(std::span<std::byte const> data, std::span<std::byte> out) { return Block{data, out}.unpack(); }
}  // namespace paravane
