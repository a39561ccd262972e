// SPDX-License-Identifier: MIT
// The xenstore wire format: a 16-byte header and up to 4096 bytes of payload. Pure: bytes in, messages out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paravane::xenstored {
enum class MessageType : std::uint32_t {
    control = 0,
    directory = 1,
    read = 2,
    get_perms = 3,
    watch = 4,
    unwatch = 5,
    transaction_start = 6,
    transaction_end = 7,
    introduce = 8,
    release = 9,
    get_domain_path = 10,
    write = 11,
    mkdir = 12,
    rm = 13,
    set_perms = 14,
    watch_event = 15,
    error = 16,
    is_domain_introduced = 17,
    resume = 18,
    set_target = 19,
    reset_watches = 21,  // 20 was RESTRICT, long gone
    directory_part = 22,
};

struct Header {
    std::uint32_t type;
    std::uint32_t request_id;
    std::uint32_t transaction_id;
    std::uint32_t length;
};
static_assert(sizeof(Header) == 16);

inline constexpr std::size_t max_payload = 4096;
inline constexpr std::size_t max_message = sizeof(Header) + max_payload;
inline constexpr std::size_t max_relative_path = 2048;

struct Message {
    Header header;
    std::string payload;
};

// Cuts a byte stream into messages. A payload above the limit breaks the stream for good: there is no way back into
// step.
class MessageParser {
public:
    void feed(std::span<std::byte const> bytes);
    // The next complete message, if there is one.
    std::optional<Message> next();

    bool broken() const { return broken_; }
    // Whether next() would say something without more bytes.
    bool has_message() const;
    std::size_t buffered() const { return buffer_.size() - consumed_; }
    void reset();

private:
    std::optional<Header> peek_header() const;

    std::string buffer_;
    std::size_t consumed_ = 0;
    bool broken_ = false;
};

std::string encode(MessageType type, std::uint32_t request_id, std::uint32_t transaction_id, std::string_view payload);

// The payload as exactly one string: one nul, and that at the end.
std::optional<std::string_view> only_string(std::string_view payload);
// All nul-terminated strings; bytes after the last nul do not count.
std::vector<std::string_view> strings_of(std::string_view payload);
// The text as exactly one decimal number.
std::optional<std::uint32_t> number_in(std::string_view text);
}  // namespace paravane::xenstored
