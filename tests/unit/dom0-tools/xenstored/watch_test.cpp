// SPDX-License-Identifier: MIT
#include "xenstored/watch.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
using Events = std::vector<Event>;

TEST(Watch, FiresOnceWhenItIsSet) {
    TestStore store;
    Client client = store.socket();
    EXPECT_EQ(client.watch("/not/there", "token"), "OK");
    EXPECT_EQ(client.events(), (Events{{"/not/there", "token"}}));
}

TEST(Watch, HearsOfItsNodeAndAllBelow) {
    TestStore store;
    Client client = store.socket();
    Client other = store.socket();
    client.watch("/a/b", "t");
    client.events();
    other.write("/a/b", "1");
    other.write("/a/b/c/d", "1");
    other.write("/a/bb", "1");
    other.write("/a", "1");
    EXPECT_EQ(client.events(), (Events{{"/a/b", "t"}, {"/a/b/c/d", "t"}}));
}

TEST(Watch, OnTheRootHearsEverything) {
    TestStore store;
    Client client = store.socket();
    client.watch("/", "t");
    client.events();
    Client other = store.socket();
    other.write("/a/b", "1");
    other.chmod("/a/b", "n0,r5");
    EXPECT_EQ(client.events(), (Events{{"/a/b", "t"}})) << "an event that waits covers both";
}

TEST(Watch, HearsOfTheRemovalOfAParent) {
    TestStore store;
    Client client = store.socket();
    client.write("/a/b/c", "1");
    client.watch("/a/b/c", "deep");
    client.watch("/a", "top");
    client.watch("/a/b/none", "none");
    client.events();
    client.rm("/a");
    EXPECT_EQ(client.events(), (Events{{"/a", "top"}, {"/a/b/c", "deep"}}));
}

TEST(Watch, SetOnARelativePathHearsRelativePaths) {
    TestStore store;
    Client guest = store.domain(3);
    EXPECT_EQ(guest.watch("device", "t"), "OK");
    EXPECT_EQ(guest.events(), (Events{{"device", "t"}}));
    guest.write("device/vif", "1");
    guest.write("/local/domain/3/device/vbd", "1");
    EXPECT_EQ(guest.events(), (Events{{"device/vif", "t"}, {"device/vbd", "t"}}));
}

TEST(Watch, SetTwiceExists) {
    TestStore store;
    Client client = store.socket();
    EXPECT_EQ(client.watch("/a", "t"), "OK");
    EXPECT_EQ(client.watch("/a", "t"), "EEXIST");
    EXPECT_EQ(client.watch("/a", "u"), "OK");
    EXPECT_EQ(client.unwatch("/a", "t"), "OK");
    EXPECT_EQ(client.unwatch("/a", "t"), "ENOENT");
    client.events();
    client.write("/a", "");
    EXPECT_EQ(client.events(), (Events{{"/a", "u"}}));
}

TEST(Watch, HearsOfATransactionWhenItIsCommitted) {
    TestStore store;
    Client client = store.socket();
    client.watch("/a", "t");
    client.events();
    std::uint32_t tx = client.begin();
    client.write("/a/x", "1", tx);
    client.write("/a/x", "2", tx);
    client.write("/a/y", "1", tx);
    EXPECT_TRUE(client.events().empty());
    client.commit(tx);
    EXPECT_EQ(client.events(), (Events{{"/a/x", "t"}, {"/a/y", "t"}}));
}

TEST(Watch, HearsNothingOfAnAbortedTransaction) {
    TestStore store;
    Client client = store.socket();
    client.watch("/a", "t");
    client.events();
    std::uint32_t tx = client.begin();
    client.write("/a/x", "1", tx);
    client.abort(tx);
    EXPECT_TRUE(client.events().empty());
}

TEST(Watch, ReplyComesBeforeTheFirstEventAndAfterLaterOnes) {
    TestStore store;
    Client client = store.socket();
    client.send(MessageType::watch, "/a\0t"_z);
    client.send(MessageType::write, "/a\0v"_z);
    store.server.serve(client.session(), 16, client.now);
    std::vector<std::uint32_t> types;
    while (!client.session().output.empty()) {
        Header header;
        std::span<std::byte const> bytes = client.session().output.front();
        std::memcpy(&header, bytes.data(), sizeof header);
        types.push_back(header.type);
        client.session().output.take(bytes.size());
    }
    // The write's event is covered by the one that waits.
    EXPECT_EQ(types, (std::vector<std::uint32_t>{4, 15, 11}));
}

TEST(Watch, EventThatIsOnItsWayDoesNotCoverALaterChange) {
    TestStore store;
    Client client = store.socket();
    client.watch("/a", "t");
    client.events();
    Client other = store.socket();
    other.write("/a", "1");
    client.session().output.take(1);  // the first byte has been sent
    other.write("/a", "2");
    EXPECT_EQ(client.session().output.bytes(), 2 * (16 + 5) - 1U);
}

TEST(Watch, DoesNotTellADomainWhatItMayNotRead) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    EXPECT_EQ(guest.watch("/secret", "t"), "OK");
    guest.events();
    tools.write("/secret/x", "1");
    EXPECT_TRUE(guest.events().empty());
    tools.chmod("/secret/x", "n0,r3");
    EXPECT_EQ(guest.events(), (Events{{"/secret/x", "t"}}));
    tools.chmod("/secret/x", "n0");
    EXPECT_EQ(guest.events(), (Events{{"/secret/x", "t"}})) << "it could read it before";
    tools.write("/secret/x", "2");
    EXPECT_TRUE(guest.events().empty());
}

TEST(Watch, TellsADomainThatWhatItCouldReadIsGone) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.write("/dir/x", "1");
    tools.chmod("/dir/x", "n0,r3");
    guest.watch("/dir/x", "t");
    guest.events();
    tools.rm("/dir");
    EXPECT_EQ(guest.events(), (Events{{"/dir/x", "t"}}));
    tools.write("/dir/x", "1");
    tools.chmod("/dir/x", "n0,r3");
    guest.events();
    std::uint32_t tx = tools.begin();
    tools.rm("/dir", tx);
    tools.commit(tx);
    EXPECT_EQ(guest.events(), (Events{{"/dir/x", "t"}}));
}

TEST(Watch, EndsWithItsConnection) {
    TestStore store;
    Client one = store.socket();
    Client two = store.socket();
    one.watch("/a", "t");
    store.server.close_session(one.session());
    EXPECT_EQ(two.write("/a", "1"), "OK");
}

TEST(Watch, ASocketThatReadsNothingIsCutOff) {
    TestStore store;
    Client lazy = store.socket();
    Client busy = store.socket();
    lazy.watch("/", std::string(2000, 't'));
    for (int i = 0; i < 10000 && !lazy.session().dead; ++i) busy.write("/x/" + std::to_string(i), "");
    EXPECT_TRUE(lazy.session().dead);
    EXPECT_TRUE(lazy.session().output.empty());
    EXPECT_EQ(busy.write("/x", "still served"), "OK");
}
}  // namespace paravane::xenstored
