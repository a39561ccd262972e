// SPDX-License-Identifier: MIT
#include "xenstored/quota.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
using namespace std::chrono_literals;

TEST(Quota, NodesOfADomainAreLimited) {
    TestStore store{{.nodes = 10}};
    Client guest = store.domain(3);  // its home is the first
    for (int i = 0; i < 9; ++i) EXPECT_EQ(guest.write("n" + std::to_string(i), ""), "OK");
    EXPECT_EQ(guest.write("one-more", ""), "ENOSPC");
    EXPECT_EQ(guest.mkdir("one-more"), "ENOSPC");
    EXPECT_EQ(guest.write("n0", "changed"), "OK");
    EXPECT_EQ(guest.rm("n1"), "OK");
    EXPECT_EQ(guest.write("one-more", ""), "OK");
    EXPECT_EQ(store.socket().write("/local/domain/3/tools", ""), "OK") << "dom0 is not limited";
    EXPECT_FALSE(store.server.audit());
}

TEST(Quota, ADeepPathCountsAllItsNewNodes) {
    TestStore store{{.nodes = 10}};
    Client guest = store.domain(3);
    EXPECT_EQ(guest.write("a/b/c/d/e/f/g/h/i/j", ""), "ENOSPC");
    EXPECT_EQ(guest.read("a"), "ENOENT");
    EXPECT_EQ(guest.write("a/b/c/d/e/f/g/h/i", ""), "OK");
}

TEST(Quota, NodesAreLimitedInTransactionsToo) {
    TestStore store{{.nodes = 10}};
    Client guest = store.domain(3);
    std::uint32_t one = guest.begin();
    std::uint32_t two = guest.begin();
    EXPECT_EQ(guest.mkdir("a"), "OK");
    EXPECT_EQ(guest.mkdir("b"), "OK");
    std::uint32_t three = guest.begin();
    for (int i = 0; i < 7; ++i) EXPECT_EQ(guest.write("a/" + std::to_string(i), "", three), "OK");
    EXPECT_EQ(guest.write("a/one-more", "", three), "ENOSPC");
    std::uint32_t four = guest.begin();
    for (int i = 0; i < 7; ++i) EXPECT_EQ(guest.write("b/" + std::to_string(i), "", four), "OK");
    EXPECT_EQ(guest.commit(three), "OK");
    EXPECT_EQ(guest.commit(four), "ENOSPC") << "together they are too many";
    guest.abort(one);
    guest.abort(two);
    EXPECT_FALSE(store.server.audit());
}

TEST(Quota, SizeOfANodeIsLimited) {
    TestStore store;
    Client guest = store.domain(3);
    EXPECT_EQ(guest.write("big", std::string(2048 - 24 - 8 - 1, 'x')), "OK");
    EXPECT_EQ(guest.write("big", std::string(2048 - 24 - 8, 'x')), "ENOSPC");
    EXPECT_EQ(guest.write("bigger", std::string(2048, 'x')), "ENOSPC");
    EXPECT_EQ(guest.write("dir/" + std::string(1900, 'n'), ""), "OK");
    EXPECT_EQ(guest.write("dir/" + std::string(200, 'n'), ""), "ENOSPC") << "the list of children is part of a node";
    EXPECT_EQ(store.socket().write("/local/domain/3/big", std::string(3000, 'x')), "OK");
}

TEST(Quota, WatchesAreLimited) {
    TestStore store{{.watches = 3}};
    Client guest = store.domain(3);
    for (char const* token : {"a", "b", "c"}) EXPECT_EQ(guest.watch("x", token), "OK");
    EXPECT_EQ(guest.watch("x", "a"), "EEXIST");
    EXPECT_EQ(guest.watch("x", "d"), "E2BIG");
    EXPECT_EQ(guest.unwatch("x", "a"), "OK");
    EXPECT_EQ(guest.watch("x", "d"), "OK");
    Client tools = store.socket();
    for (int i = 0; i < 10; ++i) EXPECT_EQ(tools.watch("/x", std::to_string(i)), "OK");
}

TEST(Quota, TransactionsAreLimited) {
    TestStore store{{.transactions = 2}};
    Client guest = store.domain(3);
    std::uint32_t tx = guest.begin();
    guest.begin();
    EXPECT_EQ(guest.ask(MessageType::transaction_start, ""_z), "ENOSPC");
    guest.abort(tx);
    EXPECT_NE(guest.begin(), 0U);
}

TEST(Quota, TransactionThatLooksAtTooManyNodesFails) {
    TestStore store{{.transaction_nodes = 20}};
    Client guest = store.domain(3);
    std::uint32_t tx = guest.begin();
    std::string reply;
    for (int i = 0; i < 30 && reply != "ENOSPC"; ++i) reply = guest.read("n" + std::to_string(i), tx);
    EXPECT_EQ(reply, "ENOSPC");
    EXPECT_EQ(guest.commit(tx), "ENOMEM");
}

TEST(Quota, PermissionsOfANodeAreLimited) {
    TestStore store;
    Client guest = store.domain(3);
    guest.write("n", "");
    EXPECT_EQ(guest.chmod("n", "n3,r0,r0,r0,r0"), "OK");
    EXPECT_EQ(guest.chmod("n", "n3,r0,r0,r0,r0,r0"), "ENOSPC");
}

TEST(Quota, MemoryIsLimited) {
    TestStore store{{.memory = 20000}};
    Client guest = store.domain(3);
    std::string reply = "OK";
    for (int i = 0; i < 100 && reply == "OK"; ++i) reply = guest.write("n" + std::to_string(i), std::string(1000, 'x'));
    EXPECT_EQ(reply, "ENOMEM");
    EXPECT_EQ(guest.rm("n0"), "OK");
    EXPECT_EQ(guest.rm("n1"), "OK");
    EXPECT_EQ(guest.write("again", std::string(100, 'x')), "OK");
}

TEST(Quota, EventsForADomainThatReadsNothingDoNotPileUp) {
    TestStore store{{.memory = 20000}};
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.mkdir("/shared");
    tools.chmod("/shared", "r0");
    guest.watch("/shared", "t");
    for (int i = 0; i < 10000; ++i) tools.write("/shared/" + std::to_string(i), "");
    EXPECT_LT(guest.session().output.bytes(), 20000U);
    EXPECT_FALSE(guest.session().dead);
}

TEST(Quota, RequestsWaitWhileRepliesAreNotTaken) {
    TestStore store;
    Client guest = store.domain(3);
    for (int i = 0; i < 100; ++i) guest.send(MessageType::get_domain_path, "3"_z);
    EXPECT_FALSE(store.server.serve(guest.session(), 1000, guest.now));
    EXPECT_EQ(guest.session().output.replies(), 20U);
    guest.receive();
    EXPECT_EQ(guest.session().output.replies(), 0U);
    store.server.serve(guest.session(), 1000, guest.now);
    EXPECT_EQ(guest.session().output.replies(), 20U);
}

TEST(Quota, WritesGoOnSlowlyWhenTheCreditIsSpent) {
    TestStore store;
    Client guest = store.domain(3);
    int done = 0;
    while (guest.write("n", "") == "OK") ++done;
    EXPECT_EQ(done, 1001);
    EXPECT_TRUE(store.server.throttled_for(guest.session(), guest.now));
    guest.now += 1s;
    guest.pump();  // the one that waited
    for (done = 0; guest.write("n", "") != "no reply"; ++done) {}
    EXPECT_NEAR(done, 200, 5);
}

TEST(Quota, OneTurnAnswersABoundedNumberOfRequests) {
    TestStore store;
    Client client = store.socket();
    for (int i = 0; i < 10; ++i) client.send(MessageType::read, "/"_z);
    EXPECT_TRUE(store.server.serve(client.session(), 4, client.now));
    EXPECT_EQ(client.session().output.replies(), 4U);
}

TEST(Control, ShowsAndSetsLimits) {
    TestStore store;
    Client tools = store.socket();
    store.domain(3);
    EXPECT_NE(tools.ask_one(MessageType::control, "quota").find("\nnodes=1000 "), std::string::npos);
    EXPECT_EQ(tools.ask(MessageType::control, "quota\0set\0nodes\0005"_z), (std::string{"OK\0", 3}));
    EXPECT_EQ(store.server.limits().nodes, 5U);
    EXPECT_EQ(tools.ask(MessageType::control, "quota\0set\0none\0005"_z), "EINVAL");
    EXPECT_NE(tools.ask(MessageType::control, "quota\0003"_z).find("\nnodes=1\n"), std::string::npos);
    EXPECT_EQ(tools.ask(MessageType::control, "quota\0009"_z), "ENOENT");
    EXPECT_EQ(tools.ask_one(MessageType::control, "check"), (std::string{"OK\0", 3}));
    EXPECT_EQ(tools.ask_one(MessageType::control, "explode"), "EINVAL");
}
}  // namespace paravane::xenstored
