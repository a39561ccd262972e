// SPDX-License-Identifier: MIT
#include "wire.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace paravane::xenstored {
void MessageParser::feed(std::span<std::byte const> bytes) {
    if (broken_) return;
    if (consumed_ == buffer_.size()) {
        buffer_.clear();
        consumed_ = 0;
    } else if (consumed_ > max_message) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
    }
    buffer_.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    std::optional<Header> header = peek_header();
    if (header && header->length > max_payload) broken_ = true;
}

std::optional<Header> MessageParser::peek_header() const {
    if (buffered() < sizeof(Header)) return std::nullopt;
    Header header;
    std::memcpy(&header, buffer_.data() + consumed_, sizeof header);
    return header;
}

bool MessageParser::has_message() const {
    if (broken_) return false;
    std::optional<Header> header = peek_header();
    return header && buffered() >= sizeof(Header) + header->length;
}

std::optional<Message> MessageParser::next() {
    if (!has_message()) return std::nullopt;
    Message message{*peek_header(), {}};
    message.payload.assign(buffer_, consumed_ + sizeof(Header), message.header.length);
    consumed_ += sizeof(Header) + message.header.length;
    std::optional<Header> following = peek_header();
    if (following && following->length > max_payload) broken_ = true;
    return message;
}

void MessageParser::reset() {
    buffer_.clear();
    consumed_ = 0;
    broken_ = false;
}

std::string encode(MessageType type, std::uint32_t request_id, std::uint32_t transaction_id, std::string_view payload) {
    Header header{static_cast<std::uint32_t>(type), request_id, transaction_id,
                  static_cast<std::uint32_t>(payload.size())};
    std::string bytes;
    bytes.reserve(sizeof header + payload.size());
    bytes.append(reinterpret_cast<char const*>(&header), sizeof header);
    bytes.append(payload);
    return bytes;
}

std::optional<std::string_view> only_string(std::string_view payload) {
    std::size_t nul = payload.find('\0');
    if (nul == std::string_view::npos || nul + 1 != payload.size()) return std::nullopt;
    return payload.substr(0, nul);
}

std::vector<std::string_view> strings_of(std::string_view payload) {
    std::vector<std::string_view> strings;
    for (std::size_t nul = payload.find('\0'); nul != std::string_view::npos; nul = payload.find('\0')) {
        strings.push_back(payload.substr(0, nul));
        payload.remove_prefix(nul + 1);
    }
    return strings;
}

std::optional<std::uint32_t> number_in(std::string_view text) {
    std::uint32_t number = 0;
    auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
    return number;
}
}  // namespace paravane::xenstored
