// SPDX-License-Identifier: MIT
// Short names for the integers, and the ABI's strong numbers, inside namespace hv.
#pragma once
#include "public/types.hpp"

namespace hv {
using abi::i16;
using abi::i32;
using abi::i64;
using abi::u16;
using abi::u32;
using abi::u64;
using abi::u8;
using usize = std::size_t;

using abi::Domid;
using abi::Errno;
using abi::EvtchnPort;
using abi::Gfn;
using abi::GrantRef;
using abi::guest_ptr;
using abi::Maddr;
using abi::Mfn;
using abi::page_shift;
using abi::page_size;
using abi::Pfn;
using abi::Vaddr;
using abi::VcpuId;

using CpuId = u32;
using Time = u64;  // nanoseconds since the hypervisor started; all CPUs agree on it

inline constexpr u64 page_mask = ~(page_size - 1);
inline constexpr u32 max_cpus = 256;

constexpr u64 round_up(u64 value, u64 alignment) { return (value + alignment - 1) & ~(alignment - 1); }
constexpr u64 round_down(u64 value, u64 alignment) { return value & ~(alignment - 1); }
constexpr u64 pages_of(u64 bytes) { return (bytes + page_size - 1) >> page_shift; }
}  // namespace hv
