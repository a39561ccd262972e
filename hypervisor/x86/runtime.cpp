// SPDX-License-Identifier: MIT
// What the compiler and the header-only library expect to find.
#include <cstddef>
#include "base/assert.hpp"

#pragma GCC diagnostic ignored "-Wmissing-declarations"  // the compiler knows these
extern "C" {
// REP counts every turn as an instruction where it is emulated: eight bytes a turn.
void* memcpy(void* to, void const* from, std::size_t size) {
    void* at = to;
    std::size_t words = size / 8, rest = size % 8;
    asm volatile("rep movsq" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(rest) : : "memory");
    return to;
}

void* memmove(void* to, void const* from, std::size_t size) {
    auto target = static_cast<unsigned char*>(to);
    auto source = static_cast<unsigned char const*>(from);
    if (target <= source || target >= source + size) return memcpy(to, from, size);
    void* at = target + size - 1;
    void const* last = source + size - 1;
    asm volatile("std; rep movsb; cld" : "+D"(at), "+S"(last), "+c"(size) : : "memory");
    return to;
}

void* memset(void* to, int value, std::size_t size) {
    void* at = to;
    std::size_t words = size / 8, rest = size % 8;
    unsigned long pattern = static_cast<unsigned char>(value) * 0x0101'0101'0101'0101ul;
    asm volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
    return to;
}

int memcmp(void const* left, void const* right, std::size_t size) {
    auto a = static_cast<unsigned char const*>(left);
    auto b = static_cast<unsigned char const*>(right);
    for (std::size_t i = 0; i < size; ++i)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return 0;
}

void const* memchr(void const* where, int value, std::size_t size) {
    auto bytes = static_cast<unsigned char const*>(where);
    for (std::size_t i = 0; i < size; ++i)
        if (bytes[i] == static_cast<unsigned char>(value)) return bytes + i;
    return nullptr;
}

std::size_t strlen(char const* text) {
    std::size_t size = 0;
    while (text[size]) ++size;
    return size;
}
}

namespace std {
[[noreturn]] void __glibcxx_assert_fail(char const* file, int line, char const*, char const* condition) noexcept {
    hv::panic(condition ? condition : "an assertion of the library failed", file, line);
}

// A string_view's substr or copy beyond its end.
[[noreturn]] void __throw_out_of_range_fmt(char const* format, ...) { hv::panic(format); }
}  // namespace std
