// SPDX-License-Identifier: MIT
// The words of the Xen PV ABI as C++ types. Everything here is plain data that may cross the guest border.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include "public/namespace.hpp"

namespace abi {
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

// A number that is not interchangeable with other numbers of the same width.
template <class Tag, class T>
struct Number {
    T value;

    friend constexpr auto operator<=>(Number const&, Number const&) = default;
    constexpr Number& operator++() {
        ++value;
        return *this;
    }
    constexpr Number operator+(T offset) const { return Number{static_cast<T>(value + offset)}; }
    constexpr T operator-(Number other) const { return static_cast<T>(value - other.value); }
};

using Mfn = Number<struct MfnTag, u64>;      // machine frame number
using Gfn = Number<struct GfnTag, u64>;      // frame as a guest names it; for PV guests an mfn
using Pfn = Number<struct PfnTag, u64>;      // pseudo-physical frame number, the guest's own numbering
using Maddr = Number<struct MaddrTag, u64>;  // machine address in bytes
using Vaddr = Number<struct VaddrTag, u64>;  // virtual address in bytes
using Domid = Number<struct DomidTag, u16>;
using VcpuId = Number<struct VcpuIdTag, u32>;
using EvtchnPort = Number<struct EvtchnPortTag, u32>;
using GrantRef = Number<struct GrantRefTag, u32>;

inline constexpr u64 page_shift = 12;
inline constexpr u64 page_size = u64{1} << page_shift;

// Reserved domain ids (xen.h).
inline constexpr Domid dom0{0};
inline constexpr u16 first_reserved_domid = 0x7ff0;
inline constexpr Domid domid_self{0x7ff0};
inline constexpr Domid domid_io{0x7ff1};
inline constexpr Domid domid_xen{0x7ff2};
inline constexpr Domid domid_cow{0x7ff3};
inline constexpr Domid domid_invalid{0x7ff4};
inline constexpr Domid domid_idle{0x7fff};

inline constexpr u64 invalid_m2p_entry = ~u64{0};
inline constexpr u64 shared_m2p_entry = ~u64{0} - 1;

// A pointer in the guest's address space. It has no dereference: core/guest_access.hpp copies through it.
template <class T>
struct guest_ptr {
    u64 address;

    constexpr bool is_null() const { return address == 0; }
    constexpr guest_ptr operator+(u64 count) const { return {address + count * sizeof(T)}; }
};
template <>
struct guest_ptr<void> {
    u64 address;

    constexpr bool is_null() const { return address == 0; }
    template <class T>
    constexpr guest_ptr<T> as() const {
        return {address};
    }
};

// Error numbers of the ABI (errno.h of the public headers; positive here, negated in a guest's rax).
enum class Errno : i32 {
    ok = 0,
    perm = 1,
    noent = 2,
    srch = 3,
    intr = 4,
    io = 5,
    nxio = 6,
    toobig = 7,
    noexec = 8,
    badf = 9,
    child = 10,
    again = 11,
    nomem = 12,
    acces = 13,
    fault = 14,
    busy = 16,
    exist = 17,
    xdev = 18,
    nodev = 19,
    notdir = 20,
    isdir = 21,
    inval = 22,
    nfile = 23,
    mfile = 24,
    nospc = 28,
    rofs = 30,
    mlink = 31,
    dom = 33,
    range = 34,
    deadlk = 35,
    nametoolong = 36,
    nolck = 37,
    nosys = 38,
    notempty = 39,
    nodata = 61,
    time = 62,
    badmsg = 74,
    overflow = 75,
    ilseq = 84,
    restart = 85,
    notsock = 88,
    msgsize = 90,
    opnotsupp = 95,
    addrinuse = 98,
    addrnotavail = 99,
    nobufs = 105,
    isconn = 106,
    notconn = 107,
    timedout = 110,
    connrefused = 111,
};
}  // namespace abi
