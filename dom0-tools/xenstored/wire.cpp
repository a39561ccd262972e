// SPDX-License-Identifier: MIT
#include "wire.hpp"

#include <algorithm>
#include <cstring>

#include "portable/base/number.hpp"

namespace paravane::xenstored {
using hv::xenstore::Frame;

void MessageParser::feed(std::span<std::byte const> bytes) {
    if (broken()) return;
    if (consumed_ == buffer_.size() || consumed_ > max_message) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
    }
    buffer_.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

Frame MessageParser::first() const { return hv::xenstore::first_frame(std::string_view{buffer_}.substr(consumed_)); }

bool MessageParser::has_message() const { return first().state == Frame::State::whole; }

std::optional<Message> MessageParser::next() {
    Frame frame = first();
    if (frame.state != Frame::State::whole) return std::nullopt;
    consumed_ += frame.size();
    return Message{frame.header, std::string{frame.payload}};
}

void MessageParser::reset() {
    buffer_.clear();
    consumed_ = 0;
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

std::vector<std::string_view> strings_of(std::string_view payload) {
    std::vector<std::string_view> strings;
    while (std::optional<std::string_view> text = hv::xenstore::take_string(payload)) strings.push_back(*text);
    return strings;
}

std::optional<std::uint32_t> number_in(std::string_view text) { return hv::parse_decimal<std::uint32_t>(text); }
}  // namespace paravane::xenstored
