// SPDX-License-Identifier: MIT
// What clients of a guest's console say to its backend and hear from it, over a Unix socket that keeps records apart
// (SOCK_SEQPACKET). A client says Hello first; each record after that is typed text. What it hears are records of a
// Heading and as much text as there is.
//
// The bytes that a guest has ever printed are numbered; the number of the first one stands in the heading, so a client
// whose backend was killed goes on where it was at the next one, and sees where it was too slow. A connection that ends
// without `ended` or `refused` is that: the backend comes back.
#pragma once
#include <cstddef>
#include <cstdint>

namespace paravane::console {
inline constexpr std::uint32_t version = 1;
inline constexpr std::size_t longest_record = 4096;  // of typed text; and of text that comes, without its heading
inline constexpr std::uint64_t recent = ~std::uint64_t{0};  // from where the backend thinks fit
inline constexpr std::uint64_t onwards = recent - 1;        // only what is printed from now on

struct Hello {
    std::uint32_t version;
    std::uint32_t types;  // 1: may want to type. One client at a time does: who began, until it goes
    std::uint64_t from;   // the first byte it wants, `recent` or `onwards`
};

enum class Tells : std::uint32_t {
    output = 1,  // text
    may_type,    // nobody else types: what this client types reaches the guest
    may_not,     // somebody else types; what this client types is not taken
    ended,       // the guest has ended, this was all
    refused,     // too many clients
};

struct Heading {
    Tells what;
    std::uint32_t pad;
    std::uint64_t position;  // of the text's first byte
};
static_assert(sizeof(Hello) == 16 && sizeof(Heading) == 16);
}  // namespace paravane::console
