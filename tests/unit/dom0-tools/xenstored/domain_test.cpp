// SPDX-License-Identifier: MIT
#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
using Events = std::vector<Event>;

TEST(Domain, IsAnnouncedWhenItIsIntroduced) {
    TestStore store;
    Client tools = store.socket();
    tools.watch("@introduceDomain", "t");
    tools.events();
    store.domain(3);
    EXPECT_EQ(tools.events(), (Events{{"@introduceDomain", "t"}}));
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "3"), "T"_z);
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "4"), "F"_z);
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "32752"), "T"_z) << "DOMID_SELF";
}

TEST(Domain, IntroducedAgainStartsAnew) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    guest.watch("x", "t");
    std::uint32_t tx = guest.begin();
    EXPECT_EQ(tools.ask(MessageType::introduce, "3\0001\0009"_z), (std::string{"OK\0", 3}));
    EXPECT_EQ(store.platform.reconnects, 1);
    EXPECT_EQ(guest.commit(tx), "ENOENT");
    EXPECT_EQ(guest.unwatch("x", "t"), "ENOENT");
}

TEST(Domain, FailureToConnectIsReportedAndLeavesNothing) {
    TestStore store;
    Client tools = store.socket();
    store.platform.connect_error = Errno::noent;
    EXPECT_EQ(tools.ask(MessageType::introduce, "3\0001\0009"_z), "ENOENT");
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "3"), "F"_z);
    EXPECT_EQ(store.server.session_count(), 1U);
}

TEST(Domain, BadArgumentsAreInvalid) {
    TestStore store;
    Client tools = store.socket();
    EXPECT_EQ(tools.ask(MessageType::introduce, "3\0001"_z), "EINVAL");
    EXPECT_EQ(tools.ask(MessageType::introduce, "3\0001\0000"_z), "EINVAL");
    EXPECT_EQ(tools.ask(MessageType::introduce, "x\0001\0001"_z), "EINVAL");
    EXPECT_EQ(tools.ask(MessageType::introduce, "0\0001\0001"_z), "EINVAL");
    EXPECT_EQ(tools.ask_one(MessageType::release, "0"), "EINVAL");
    EXPECT_EQ(tools.ask_one(MessageType::release, "3"), "ENOENT");
    EXPECT_EQ(tools.ask_one(MessageType::resume, "3"), "ENOENT");
}

TEST(Domain, PathIsByNumber) {
    TestStore store;
    EXPECT_EQ(store.socket().ask_one(MessageType::get_domain_path, "007"), "/local/domain/7"_z);
    EXPECT_EQ(store.domain(3).ask_one(MessageType::get_domain_path, "0"), "/local/domain/0"_z);
}

TEST(Domain, ShutdownIsAnnouncedOnce) {
    TestStore store;
    Client tools = store.socket();
    store.domain(3);
    tools.watch("@releaseDomain", "t");
    tools.events();
    store.platform.states[3] = DomainState::shut_down;
    store.server.check_domains();
    EXPECT_EQ(tools.events().size(), 1U);
    store.server.check_domains();
    EXPECT_TRUE(tools.events().empty());
    tools.ask_one(MessageType::resume, "3");
    store.server.check_domains();
    EXPECT_EQ(tools.events().size(), 1U);
}

TEST(Domain, DeathTakesItsConnectionAndNodes) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.mkdir("/shared");
    tools.chmod("/shared", "b0");
    guest.write("/shared/of-guest/deep", "x");
    guest.write("data", "x");
    guest.watch("/shared", "t");
    guest.begin();
    tools.watch("@releaseDomain", "t");
    tools.watch("/shared", "s");
    tools.events();
    store.platform.states.erase(3);
    store.server.check_domains();
    EXPECT_EQ(tools.events(), (Events{{"/shared/of-guest", "s"}, {"@releaseDomain", "t"}}));
    EXPECT_EQ(tools.list("/shared"), "");
    EXPECT_EQ(tools.read("/local/domain/3"), "ENOENT");
    EXPECT_EQ(store.platform.disconnects, 1);
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "3"), "F"_z);
    EXPECT_EQ(store.server.find_domain(3), nullptr);
    EXPECT_FALSE(store.server.audit());
}

TEST(Domain, ReleaseTakesItOutButAnnouncesIt) {
    TestStore store;
    Client tools = store.socket();
    store.domain(3);
    tools.watch("@releaseDomain", "t");
    tools.events();
    EXPECT_EQ(tools.ask_one(MessageType::release, "3"), (std::string{"OK\0", 3}));
    EXPECT_EQ(tools.events().size(), 1U);
    EXPECT_EQ(tools.ask_one(MessageType::release, "3"), "ENOENT");
}

TEST(Domain, ThatWasOnlyNamedInAPermissionIsForgottenWhenItIsGone) {
    TestStore store;
    Client tools = store.socket();
    store.platform.states[9] = DomainState::running;
    tools.mkdir("/n");
    tools.chmod("/n", "n9");
    tools.watch("@releaseDomain", "t");
    tools.events();
    store.platform.states.erase(9);
    store.server.check_domains();
    EXPECT_EQ(tools.read("/n"), "ENOENT");
    EXPECT_TRUE(tools.events().empty()) << "it was never introduced";
    EXPECT_FALSE(store.server.audit());
}

TEST(Domain, TransactionForADeadOwnerIsTriedAgain) {
    TestStore store;
    Client tools = store.socket();
    store.platform.states[9] = DomainState::running;
    std::uint32_t tx = tools.begin();
    tools.mkdir("/n", tx);
    EXPECT_EQ(tools.chmod("/n", "n9", tx), "OK");
    store.platform.states.erase(9);
    store.server.check_domains();
    EXPECT_EQ(tools.commit(tx), "EAGAIN");
    EXPECT_FALSE(store.server.audit());
}

TEST(Domain, WhoseStreamIsBrokenIsLeftAloneUntilItEnds) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    guest.send(MessageType::write, std::string(9000, 'x'));
    guest.pump();
    EXPECT_TRUE(guest.session().dead);
    EXPECT_EQ(guest.ask_one(MessageType::read, "x"), "no reply");
    EXPECT_EQ(tools.ask_one(MessageType::is_domain_introduced, "3"), "T"_z);
    tools.watch("@releaseDomain", "t");
    tools.events();
    store.platform.states[3] = DomainState::dying;
    store.server.check_domains();
    EXPECT_EQ(tools.events().size(), 1U);
}
}  // namespace paravane::xenstored
