// SPDX-License-Identifier: MIT
// The functions a compiler calls by itself, and what the hardened standard library calls when an assertion fails.
#include <cstddef>

#include "runtime/shutdown.hpp"

// Written with string instructions: a loop here would be compiled into a call of the function itself.
extern "C" {

void* memcpy(void* to, void const* from, std::size_t count);
void* memmove(void* to, void const* from, std::size_t count);
void* memset(void* to, int value, std::size_t count);
int memcmp(void const* left, void const* right, std::size_t count);
std::size_t strlen(char const* text);
void const* memchr(void const* where, int value, std::size_t count);

void* memcpy(void* to, void const* from, std::size_t count) {
    void* result = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return result;
}

void* memmove(void* to, void const* from, std::size_t count) {
    if (reinterpret_cast<std::size_t>(to) - reinterpret_cast<std::size_t>(from) >= count) {
        return memcpy(to, from, count);
    }
    void* result = to;
    to = static_cast<char*>(to) + count - 1;
    from = static_cast<char const*>(from) + count - 1;
    asm volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return result;
}

void* memset(void* to, int value, std::size_t count) {
    void* result = to;
    // Emulators count every repetition: eight bytes at a time where the size allows.
    std::size_t words = count / 8;
    std::size_t rest = count % 8;
    std::size_t pattern = 0x0101010101010101u * static_cast<unsigned char>(value);
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(value) : "memory");
    return result;
}

int memcmp(void const* left, void const* right, std::size_t count) {
    auto const* a = static_cast<unsigned char const*>(left);
    auto const* b = static_cast<unsigned char const*>(right);
    for (std::size_t i = 0; i < count; ++i) {
        if (a[i] != b[i]) { return a[i] < b[i] ? -1 : 1; }
    }
    return 0;
}

std::size_t strlen(char const* text) {
    std::size_t length = 0;
    while (text[length] != '\0') { ++length; }
    return length;
}

void const* memchr(void const* where, int value, std::size_t count) {
    auto const* at = static_cast<unsigned char const*>(where);
    for (std::size_t i = 0; i < count; ++i) {
        if (at[i] == static_cast<unsigned char>(value)) { return at + i; }
    }
    return nullptr;
}
}

namespace std {
[[noreturn]] void __glibcxx_assert_fail(char const*, int, char const*, char const* condition) noexcept;
[[noreturn]] void __glibcxx_assert_fail(char const*, int, char const*, char const* condition) noexcept {
    guest::panic(condition != nullptr ? condition : "an assertion of the standard library");
}
}  // namespace std
