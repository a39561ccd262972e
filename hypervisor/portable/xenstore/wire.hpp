// SPDX-License-Identifier: MIT
// The xenstore wire format: a header of 16 bytes and up to 4096 bytes of payload, mostly strings with a zero behind
// each.
#pragma once
#include <optional>
#include <string_view>
#include "portable/base/types.hpp"
#include "public/io/xs_wire.hpp"

namespace hv::xenstore {
using Header = abi::io::XsdSockmsg;

inline constexpr usize max_payload = abi::io::xs::payload_max;
inline constexpr usize max_message = sizeof(Header) + max_payload;

// What a stream of bytes begins with. A payload above the limit breaks it for good: there is no way back into step.
struct Frame {
    enum class State : u8 { incomplete, whole, broken };
    State state = State::incomplete;
    Header header{};             // unless it is incomplete
    std::string_view payload{};  // if it is whole

    usize size() const { return sizeof(Header) + payload.size(); }
};
Frame first_frame(std::string_view stream);

// Takes the string in front of the first zero off a payload, and the zero; nothing where none is left.
std::optional<std::string_view> take_string(std::string_view& payload);
// The payload as exactly one string: one zero, and that at the end.
std::optional<std::string_view> only_string(std::string_view payload);
}  // namespace hv::xenstore
