// SPDX-License-Identifier: MIT
#include "portable/xenstore/wire.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {
using namespace hv::xenstore;
using State = Frame::State;

std::string message(hv::u32 length, std::string_view payload) {
    Header const header{.type = abi::io::xs::write, .req_id = 7, .tx_id = 9, .len = length};
    return std::string{reinterpret_cast<char const*>(&header), sizeof(header)}.append(payload);
}

TEST(XenstoreWire, AFrameIsIncompleteUntilItsLastByte) {
    std::string const stream = message(3, "abc") + "next";
    for (hv::usize size = 0; size < sizeof(Header) + 3; ++size)
        EXPECT_EQ(first_frame(std::string_view{stream}.substr(0, size)).state, State::incomplete) << size;
    Frame const frame = first_frame(stream);
    EXPECT_EQ(frame.state, State::whole);
    EXPECT_EQ(frame.header.req_id, 7u);
    EXPECT_EQ(frame.payload, "abc");
    EXPECT_EQ(stream.substr(frame.size()), "next");
}

TEST(XenstoreWire, PayloadOf4096BytesIsTheLast) {
    EXPECT_EQ(first_frame(message(4096, std::string(4096, 'x'))).state, State::whole);
    EXPECT_EQ(first_frame(message(4097, "")).state, State::broken);
    EXPECT_EQ(first_frame(message(~0u, "")).state, State::broken);
}

TEST(XenstoreWire, StringsEndWithAZero) {
    std::string_view payload{"a\0\0b", 4};
    EXPECT_EQ(take_string(payload), "a");
    EXPECT_EQ(take_string(payload), "");
    EXPECT_FALSE(take_string(payload));
    EXPECT_EQ(payload, "b");
    EXPECT_EQ(only_string(std::string_view{"/a\0", 3}), "/a");
    EXPECT_EQ(only_string(std::string_view{"", 1}), "");
    EXPECT_FALSE(only_string("/a"));
    EXPECT_FALSE(only_string(""));
    EXPECT_FALSE(only_string(std::string_view{"/a\0b", 4}));
    EXPECT_FALSE(only_string(std::string_view{"/a\0b\0", 5}));
}
}  // namespace
