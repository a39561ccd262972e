// SPDX-License-Identifier: MIT
#include "xenstored/wire.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
std::span<std::byte const> bytes_of(std::string const& text) { return std::as_bytes(std::span{text}); }

TEST(Wire, MessageSurvivesAnySplitOfItsBytes) {
    std::string stream = encode(MessageType::write, 7, 9, "/a\0value"_z) + encode(MessageType::read, 8, 0, "/a"_z);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        MessageParser parser;
        parser.feed(bytes_of(stream).first(cut));
        std::vector<Message> messages;
        while (auto message = parser.next()) messages.push_back(*message);
        parser.feed(bytes_of(stream).subspan(cut));
        while (auto message = parser.next()) messages.push_back(*message);
        ASSERT_EQ(messages.size(), 2U) << "cut at " << cut;
        EXPECT_EQ(messages[0].header.req_id, 7U);
        EXPECT_EQ(messages[0].header.tx_id, 9U);
        EXPECT_EQ(messages[0].payload, "/a\0value"_z);
        EXPECT_EQ(messages[1].payload, "/a"_z);
    }
}

TEST(Wire, PayloadOf4096BytesIsTheLast) {
    MessageParser parser;
    parser.feed(bytes_of(encode(MessageType::write, 1, 0, std::string(4096, 'x'))));
    EXPECT_TRUE(parser.next());
    EXPECT_FALSE(parser.broken());
    parser.feed(bytes_of(encode(MessageType::write, 1, 0, std::string(4097, 'x'))));
    EXPECT_FALSE(parser.next());
    EXPECT_TRUE(parser.broken());
}

TEST(Wire, RequestsBeforeAnOverlongOneAreStillAnswered) {
    TestStore store;
    Client client = store.socket();
    client.send(MessageType::read, "/"_z);
    client.send(MessageType::write, std::string(5000, 'x'));
    client.pump();
    EXPECT_TRUE(client.session().dead);
    EXPECT_EQ(store.platform.lines.size(), 1U);
}

TEST(Wire, OnlyStringWantsOneNulAtTheEnd) {
    EXPECT_EQ(only_string("/a"_z), "/a");
    EXPECT_EQ(only_string(""_z), "");
    EXPECT_FALSE(only_string("/a"));
    EXPECT_FALSE(only_string(""));
    EXPECT_FALSE(only_string("/a\0b"_z));
}

TEST(Wire, StringsIgnoreWhatFollowsTheLastNul) {
    EXPECT_EQ(strings_of(std::string("a\0\0b", 4)), (std::vector<std::string_view>{"a", ""}));
    EXPECT_TRUE(strings_of("abc").empty());
}

TEST(Wire, RepliesEchoTypeRequestAndTransaction) {
    TestStore store;
    Client client = store.socket();
    std::uint32_t tx = client.begin();
    client.read("/tool", tx);
    EXPECT_EQ(client.last.type, 2U);
    EXPECT_EQ(client.last.tx_id, tx);
    EXPECT_EQ(client.last.req_id, 2U);
    EXPECT_EQ(client.read("/none", tx), "ENOENT");
    EXPECT_EQ(client.last.type, 16U);
    EXPECT_EQ(client.last.req_id, 3U);
}

TEST(Wire, UnknownTypesAreNotImplemented) {
    TestStore store;
    Client client = store.socket();
    for (std::uint32_t type : {15U, 16U, 20U, 23U, 0xffffU, 0xffffffffU}) {
        EXPECT_EQ(client.ask(static_cast<MessageType>(type), ""_z), "ENOSYS");
    }
}

TEST(Wire, PipelinedRequestsAreAnsweredInOrder) {
    TestStore store;
    Client client = store.socket();
    client.send(MessageType::write, std::string{"/a\0one", 6});
    client.send(MessageType::read, "/a"_z);
    client.send(MessageType::write, std::string{"/a\0two", 6});
    EXPECT_EQ(client.ask(MessageType::read, "/a"_z), (std::string{"OK\0", 3}));
    EXPECT_EQ(client.ask(MessageType::read, "/a"_z), "one");
}
}  // namespace paravane::xenstored
