// SPDX-License-Identifier: MIT
// What clients of a guest's console say to its backend and hear from it, over a Unix socket that keeps records apart
// (SOCK_SEQPACKET). A client says Hello first; each record after that is typed text. What it hears are records of a
// Heading and as much text as there is.
//
// The bytes that a guest has ever printed are numbered; the number of the first one stands in the heading, so a client
// whose backend was killed goes on where it was at the next one, and sees where it was too slow. A connection that ends
// without `ended` or `refused` is that: the backend comes back.
//
// Who types does so under a number of its own, and is told how far its bytes have come. Those that have not reached the
// guest when the backend is killed it types again at the next one, under the same number: none is lost, none comes
// twice.
#pragma once
#include <cstddef>
#include <cstdint>

namespace paravane::console {
inline constexpr std::uint32_t version = 2;
inline constexpr std::size_t longest_record = 4096;  // of typed text; and of text that comes, without its heading
inline constexpr std::uint64_t recent = ~std::uint64_t{0};  // from where the backend thinks fit
inline constexpr std::uint64_t onwards = recent - 1;        // only what is printed from now on

struct Hello {
    std::uint32_t version;
    std::uint32_t pad;
    std::uint64_t from;    // the first byte it wants, `recent` or `onwards`
    std::uint64_t typist;  // 0: it only looks. One client at a time types: who began, until it goes
};

enum class Tells : std::uint32_t {
    output = 1,  // text
    begins,      // the first word: at `position` is the first byte that comes
    may_type,    // nobody else types: what this client types reaches the guest; and so many bytes have
    may_not,     // somebody else types; what this client types is not taken
    ended,       // the guest has ended, this was all
    refused,     // too many clients
};

// With `may_type`. A client that has begun to type hears how many of its bytes the guest has. One that has not hears
// how many it has of all clients: as long as that stays the same, none of its own is among them.
struct Progress {
    std::uint32_t yours;
    std::uint64_t given;

    friend bool operator==(Progress const&, Progress const&) = default;
};

struct Heading {
    Tells what;
    std::uint32_t yours;     // with may_type
    std::uint64_t position;  // of the text's first byte; with may_type how many bytes the guest has
};
static_assert(sizeof(Hello) == 24 && sizeof(Heading) == 16);
}  // namespace paravane::console
