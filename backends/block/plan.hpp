// SPDX-License-Identifier: MIT
// What a guest's request means, checked: everything that is done for it is done from a plan. Pure.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "public/io/blkif.hpp"

namespace paravane::block {
namespace blkif = abi::io::blkif;

inline constexpr std::uint32_t most_segments = 256;  // of an indirect request
inline constexpr std::uint32_t page_size = 4096;
inline constexpr std::uint64_t most_bytes = std::uint64_t{most_segments} * page_size;

// The segments of an indirect request as they were read, once, from the guest's pages. They are journalled with it.
struct Segments {
    std::uint32_t count;  // 0: they could not be read, or it has none
    std::uint32_t pad;
    std::array<blkif::Segment, most_segments> all;
};

// Of the disk. In bytes.
struct Geometry {
    std::uint64_t size = 0;
    std::uint32_t sector = 512;  // what it can be read and written in
    bool read_only = false;
    bool discards = false;
};

enum class Action : std::uint8_t { read, write, flush, discard };

struct Piece {
    std::uint32_t ref;
    std::uint16_t offset, length;  // of the page; not beyond its end
};

struct Plan {
    Action action{};
    std::uint64_t offset = 0, length = 0;  // of the disk
    std::uint32_t count = 0;
    std::array<Piece, most_segments> piece;

    std::span<Piece const> pieces() const { return std::span{piece}.first(count); }
};

// How many pages of segments must be read before this request can be understood; 0: none, or it is refused anyway.
std::uint32_t pages_of_segments(blkif::Request const& request, bool read_only);
std::uint32_t segments_of(blkif::Request const& request);

// The plan; or what to answer at once. `plan` is filled as far as it is needed.
std::optional<blkif::Status> make_plan(blkif::Request const& request, Segments const& segments,
                                       Geometry const& geometry, Plan& plan);

// The answer to a request: which one, and what it asked for, are copied back.
blkif::Response response_to(blkif::Request const& request, blkif::Status status);
}  // namespace paravane::block
