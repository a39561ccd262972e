// SPDX-License-Identifier: MIT
// Messages out of a stream of bytes, and into one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "portable/xenstore/wire.hpp"

namespace paravane::xenstored {
using MessageType = abi::io::xs::Type;
using hv::xenstore::Header;
using hv::xenstore::max_message;
using hv::xenstore::max_payload;
using hv::xenstore::only_string;

struct Message {
    Header header;
    std::string payload;
};

class MessageParser {
public:
    void feed(std::span<std::byte const> bytes);
    // The next complete message, if there is one.
    std::optional<Message> next();

    bool broken() const { return first().state == hv::xenstore::Frame::State::broken; }
    // Whether next() would say something without more bytes.
    bool has_message() const;
    std::string_view rest() const { return std::string_view{buffer_}.substr(consumed_); }  // not taken yet
    std::size_t buffered() const { return buffer_.size() - consumed_; }
    void reset();

private:
    hv::xenstore::Frame first() const;

    std::string buffer_;
    std::size_t consumed_ = 0;
};

std::string encode(MessageType type, std::uint32_t request_id, std::uint32_t transaction_id, std::string_view payload);

// All nul-terminated strings; bytes after the last nul do not count.
std::vector<std::string_view> strings_of(std::string_view payload);
// The text as exactly one decimal number.
std::optional<std::uint32_t> number_in(std::string_view text);
}  // namespace paravane::xenstored
