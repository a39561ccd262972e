// SPDX-License-Identifier: MIT
#include "xenstored/transaction.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
TEST(Transaction, IsInvisibleUntilItIsCommitted) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    std::uint32_t tx = one.begin();
    EXPECT_EQ(one.write("/a", "new", tx), "OK");
    EXPECT_EQ(one.read("/a", tx), "new");
    EXPECT_EQ(two.read("/a"), "ENOENT");
    EXPECT_EQ(one.commit(tx), "OK");
    EXPECT_EQ(two.read("/a"), "new");
}

TEST(Transaction, LeavesNothingWhenItIsAborted) {
    TestStore store;
    Client client = store.socket();
    client.write("/kept", "v");
    std::uint32_t tx = client.begin();
    client.write("/a/b", "new", tx);
    client.rm("/kept", tx);
    EXPECT_EQ(client.abort(tx), "OK");
    EXPECT_EQ(client.read("/a"), "ENOENT");
    EXPECT_EQ(client.read("/kept"), "v");
    EXPECT_FALSE(store.server.audit());
}

TEST(Transaction, SeesTheStoreAsItWasAtItsStart) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.write("/a", "old");
    std::uint32_t tx = one.begin();
    two.write("/a", "new");
    EXPECT_EQ(one.read("/a", tx), "old");
}

TEST(Transaction, ConflictsWhenSomethingItReadHasChanged) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.write("/a", "1");
    std::uint32_t tx = one.begin();
    one.read("/a", tx);
    one.write("/b", "x", tx);
    two.write("/a", "2");
    EXPECT_EQ(one.commit(tx), "EAGAIN");
    EXPECT_EQ(one.read("/b"), "ENOENT");
    EXPECT_EQ(one.commit(tx), "ENOENT") << "it is over";
}

TEST(Transaction, ConflictsWhenSomethingItMissedHasAppeared) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    std::uint32_t tx = one.begin();
    EXPECT_EQ(one.read("/a", tx), "ENOENT");
    one.write("/b", "x", tx);
    two.write("/a", "2");
    EXPECT_EQ(one.commit(tx), "EAGAIN");
}

TEST(Transaction, ConflictsWhenADirectoryItListedHasChanged) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.mkdir("/d");
    std::uint32_t tx = one.begin();
    one.list("/d", tx);
    one.write("/x", "", tx);
    two.write("/d/child", "");
    EXPECT_EQ(one.commit(tx), "EAGAIN");
}

TEST(Transaction, ConflictsWhenANodeItRemovesGotAChild) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.write("/d/e", "");
    std::uint32_t tx = one.begin();
    one.rm("/d", tx);
    two.write("/d/e/late", "");
    EXPECT_EQ(one.commit(tx), "EAGAIN");
    EXPECT_EQ(one.read("/d/e/late"), "");
}

TEST(Transaction, DoesNotMindChangesElsewhere) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.write("/a/x", "1");
    one.write("/b/x", "1");
    one.write("/b/gone", "1");
    std::uint32_t tx = one.begin();
    one.write("/a/x", "2", tx);
    one.write("/a/y/z", "3", tx);
    two.write("/b/x", "2");
    two.rm("/b/gone");
    EXPECT_EQ(one.commit(tx), "OK");
    EXPECT_EQ(one.read("/a/x"), "2");
    EXPECT_EQ(one.read("/a/y/z"), "3");
    EXPECT_EQ(one.read("/b/x"), "2");
    EXPECT_EQ(one.read("/b/gone"), "ENOENT");
    EXPECT_FALSE(store.server.audit());
}

TEST(Transaction, OfTwoThatTouchTheSameTheSecondLoses) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.write("/counter", "0");
    std::uint32_t first = one.begin();
    std::uint32_t second = two.begin();
    one.read("/counter", first);
    two.read("/counter", second);
    one.write("/counter", "1", first);
    two.write("/counter", "1", second);
    EXPECT_EQ(one.commit(first), "OK");
    EXPECT_EQ(two.commit(second), "EAGAIN");
}

TEST(Transaction, RemovedAndMadeAnewHasNoOldChildren) {
    TestStore store;
    Client one = store.socket();
    one.write("/d/old/older", "");
    one.write("/elsewhere", "");
    std::uint32_t tx = one.begin();
    one.rm("/d", tx);
    one.write("/d/new", "", tx);
    one.write("/elsewhere", "changed");  // so that the commit has to merge
    EXPECT_EQ(one.commit(tx), "OK");
    EXPECT_EQ(one.list("/d"), "new");
    EXPECT_FALSE(store.server.audit());
}

TEST(Transaction, MadeAndRemovedLeavesNoTrace) {
    TestStore store;
    Client one = store.socket();
    std::uint32_t tx = one.begin();
    one.write("/d/e", "", tx);
    one.rm("/d", tx);
    one.write("/elsewhere", "");
    EXPECT_EQ(one.commit(tx), "EAGAIN") << "the root's list of children changed on both sides";
    tx = one.begin();
    one.write("/d/e", "", tx);
    one.rm("/d", tx);
    EXPECT_EQ(one.commit(tx), "OK");
    EXPECT_EQ(one.list("/"), "elsewhere,tool");
    EXPECT_FALSE(store.server.audit());
}

TEST(Transaction, BelongsToTheConnectionThatBeganIt) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    std::uint32_t tx = one.begin();
    EXPECT_EQ(two.write("/a", "v", tx), "ENOENT");
    EXPECT_EQ(two.commit(tx), "ENOENT");
    EXPECT_EQ(one.commit(tx), "OK");
}

TEST(Transaction, DoesNotNest) {
    TestStore store;
    Client client = store.socket();
    std::uint32_t tx = client.begin();
    EXPECT_EQ(client.ask(MessageType::transaction_start, ""_z, tx), "EBUSY");
}

TEST(Transaction, EndWantsTOrF) {
    TestStore store;
    Client client = store.socket();
    std::uint32_t tx = client.begin();
    EXPECT_EQ(client.ask_one(MessageType::transaction_end, "X", tx), "EINVAL");
    EXPECT_EQ(client.ask_one(MessageType::transaction_end, "T"), "ENOENT");
    EXPECT_EQ(client.commit(tx), "OK");
}

TEST(Transaction, EndsWithItsConnection) {
    TestStore store;
    Client one = store.socket();
    std::uint32_t tx = one.begin();
    one.write("/a", "v", tx);
    store.server.close_session(one.session());
    EXPECT_EQ(store.socket().read("/a"), "ENOENT");
}

TEST(Transaction, OfADomainIsGivenUpWhenItIsTooOld) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    std::uint32_t tx = guest.begin();
    EXPECT_EQ(guest.write("a", "1", tx), "OK");
    for (int i = 0; i < 17000; ++i) tools.write("/busy", std::to_string(i));
    EXPECT_EQ(guest.write("b", "1", tx), "OK") << "it still answers";
    EXPECT_EQ(guest.read("b", tx), "ENOENT") << "but nothing is kept";
    EXPECT_EQ(guest.commit(tx), "EAGAIN");
    EXPECT_EQ(guest.read("a"), "ENOENT");
}

TEST(Transaction, ResetForgetsThemAll) {
    TestStore store;
    Client client = store.socket();
    std::uint32_t tx = client.begin();
    EXPECT_EQ(client.ask(MessageType::reset_watches, ""_z, tx), (std::string{"OK\0", 3}));
    EXPECT_EQ(client.commit(tx), "ENOENT");
}
}  // namespace paravane::xenstored
