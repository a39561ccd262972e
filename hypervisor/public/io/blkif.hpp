// SPDX-License-Identifier: MIT
// Requests and responses of a disk (io/blkif.h), for 64-bit guests. Sectors are of 512 bytes here, whatever the disk's.
#pragma once
#include "public/types.hpp"

namespace abi::io {
namespace blkif {
enum Operation : u8 { read = 0, write = 1, write_barrier = 2, flush = 3, discard = 5, indirect = 6 };
enum Status : i16 { okay = 0, error = -1, not_supported = -2 };

inline constexpr u32 sector_size = 512;
inline constexpr u32 most_direct = 11;  // segments in the request itself
inline constexpr u32 most_pages = 8;    // of segments of an indirect request
inline constexpr u8 discard_secure = 1;
inline constexpr u32 info_read_only = 4;

// Part of a granted page, from one sector of it to another, both included.
struct Segment {
    u32 ref;
    u8 first, last;
    u16 pad;
};
static_assert(sizeof(Segment) == 8);
inline constexpr u32 segments_in_page = 4096 / sizeof(Segment);

struct Direct {
    u8 operation;
    u8 segments;
    u16 handle;
    u32 pad;
    u64 id;
    u64 sector;
    Segment segment[most_direct];
};
struct Discard {
    u8 operation;
    u8 flag;
    u16 handle;
    u32 pad;
    u64 id;
    u64 sector;
    u64 sectors;
};
struct Indirect {
    u8 operation;
    u8 indirect_operation;
    u16 segments;
    u32 pad;
    u64 id;
    u64 sector;
    u16 handle;
    u16 pad2;
    u32 page_ref[most_pages];
};
// A slot of the ring: which of them it is says the first byte; the number has one place in all.
union Request {
    Direct direct;
    Discard discard;
    Indirect indirect;
};
static_assert(sizeof(Request) == 112);

struct Response {
    u64 id;
    u8 operation;
    u8 pad;
    i16 status;
    u32 pad2;
};
static_assert(sizeof(Response) == 16);
}  // namespace blkif
}  // namespace abi::io
