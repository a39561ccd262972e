// SPDX-License-Identifier: MIT
#include "portable/xenstore/wire.hpp"
#include <cstring>

namespace hv::xenstore {
Frame first_frame(std::string_view stream) {
    Frame frame;
    if (stream.size() < sizeof(Header)) return frame;
    std::memcpy(&frame.header, stream.data(), sizeof(Header));
    stream.remove_prefix(sizeof(Header));
    if (frame.header.len > max_payload) {
        frame.state = Frame::State::broken;
    } else if (frame.header.len <= stream.size()) {
        frame.state = Frame::State::whole;
        frame.payload = stream.substr(0, frame.header.len);
    }
    return frame;
}

std::optional<std::string_view> take_string(std::string_view& payload) {
    usize const end = payload.find('\0');
    if (end == std::string_view::npos) return {};
    std::string_view const text = payload.substr(0, end);
    payload.remove_prefix(end + 1);
    return text;
}

std::optional<std::string_view> only_string(std::string_view payload) {
    std::optional<std::string_view> const text = take_string(payload);
    return payload.empty() ? text : std::nullopt;
}
}  // namespace hv::xenstore
