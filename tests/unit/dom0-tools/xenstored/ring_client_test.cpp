// SPDX-License-Identifier: MIT
#include "xenstored/ring_client.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
namespace {
// The guest's end of a ring, over a page on the heap.
struct Guest {
    explicit Guest(TestStore& test) : store{test}, client{test.domain(3)}, ring{client.session().id, page} {}

    bool put(std::string_view bytes) {
        std::size_t room = 1024 - (page.req_prod - page.req_cons);
        std::size_t count = std::min(room, unsent.size() + bytes.size());
        unsent += bytes;
        for (std::size_t i = 0; i < count; ++i) page.req[page.req_prod++ % 1024] = unsent[i];
        unsent.erase(0, count);
        return unsent.empty();
    }
    Progress turn() { return ring.turn(store.server, client.session(), client.now, notified); }
    // Plays both ends until a reply is complete.
    std::string ask(MessageType type, std::string_view payload) {
        put(encode(type, 5, 0, payload));
        for (int i = 0; i < 50; ++i) {
            turn();
            while (page.rsp_cons != page.rsp_prod) {
                char byte = page.rsp[page.rsp_cons++ % 1024];
                replies.feed(std::as_bytes(std::span{&byte, 1}));
            }
            if (auto reply = replies.next()) return reply->payload;
            put({});
        }
        return "no reply";
    }

    TestStore& store;
    Client client;
    RingPage page{};
    RingClient ring;
    bool notified = false;
    std::string unsent;
    MessageParser replies;
};
}  // namespace

TEST(RingClient, MessagesLargerThanTheRingGoThroughInPieces) {
    TestStore store{{.node_size = 5000, .path_length = 2048}};
    Guest guest{store};
    std::string value(3000, 'v');
    EXPECT_EQ(guest.ask(MessageType::write, "data/x"_z + value), (std::string{"OK\0", 3}));
    EXPECT_EQ(guest.ask(MessageType::read, "data/x"_z), value);
}

TEST(RingClient, NotifiesOnlyWhenBytesMoved) {
    TestStore store;
    Guest guest{store};
    guest.turn();
    EXPECT_TRUE(guest.notified) << "once, whatever it waits for";
    guest.turn();
    EXPECT_FALSE(guest.notified);
    guest.put("x");
    guest.turn();
    EXPECT_TRUE(guest.notified);
}

TEST(RingClient, BadIndicesEndThisRingOnly) {
    TestStore store;
    Guest guest{store};
    guest.page.req_prod = guest.page.req_cons + 2000;
    EXPECT_EQ(guest.turn(), Progress::waits);
    EXPECT_TRUE(guest.client.session().dead);
    EXPECT_EQ(guest.page.error, 2U);
    guest.page.req_prod = guest.page.req_cons;
    EXPECT_EQ(guest.ask(MessageType::read, "x"_z), "no reply");
    EXPECT_EQ(store.platform.lines.size(), 1U) << "said once";
    EXPECT_EQ(store.socket().read("/tool"), "");
}

TEST(RingClient, OverlongPayloadIsAProtocolError) {
    TestStore store;
    Guest guest{store};
    Header header{.type = 2, .req_id = 0, .tx_id = 0, .len = 4097};
    guest.put({reinterpret_cast<char const*>(&header), sizeof header});
    guest.turn();
    EXPECT_EQ(guest.page.error, 3U);
}

TEST(RingClient, GuestThatDoesNotReadStopsBeingRead) {
    TestStore store;
    Guest guest{store};
    std::string request = encode(MessageType::get_domain_path, 1, 0, "3"_z);
    for (int i = 0; i < 1000; ++i) {
        guest.put(request);
        guest.turn();
    }
    EXPECT_LE(guest.client.session().output.replies(), 20U);
    EXPECT_LE(guest.client.session().input.buffered(), max_message + 1024);
    EXPECT_EQ(guest.turn(), Progress::waits) << "nothing to do until the guest makes room";
}
}  // namespace paravane::xenstored
