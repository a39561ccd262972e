// SPDX-License-Identifier: MIT
#include "xenstored/permissions.hpp"

#include "test_store.hpp"

#include <gtest/gtest.h>

namespace paravane::xenstored {
TEST(Permissions, TextFormIsALetterAndADomain) {
    EXPECT_EQ(parse_permission("n0"), (Permission{0, Rights::none}));
    EXPECT_EQ(parse_permission("r3"), (Permission{3, Rights::read}));
    EXPECT_EQ(parse_permission("w4"), (Permission{4, Rights::write}));
    EXPECT_EQ(parse_permission("b65535"), (Permission{65535, Rights::read_write}));
    for (char const* bad : {"", "n", "x0", "n-1", "n 1", "n1x", "n65536", "0n"})
        EXPECT_FALSE(parse_permission(bad)) << bad;
}

TEST(Permissions, GuestCannotReadOrWriteWhatIsDom0s) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.write("/secret", "x");
    EXPECT_EQ(guest.read("/secret"), "EACCES");
    EXPECT_EQ(guest.write("/secret", "y"), "EACCES");
    EXPECT_EQ(guest.rm("/secret"), "EACCES");
    EXPECT_EQ(guest.list("/"), "EACCES");
    EXPECT_EQ(guest.perms("/secret"), "EACCES");
    EXPECT_EQ(guest.chmod("/secret", "b3"), "EACCES");
    EXPECT_EQ(guest.mkdir("/mine"), "EACCES");
}

TEST(Permissions, GuestCannotTellWhetherANodeExists) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.write("/local/domain/5/name", "x");
    EXPECT_EQ(guest.read("/local/domain/5/name"), "EACCES");
    EXPECT_EQ(guest.read("/local/domain/5/nothing"), "EACCES");
    EXPECT_EQ(guest.read("nothing"), "ENOENT") << "at home it can";
}

TEST(Permissions, FirstEntryIsTheDefaultAndOthersAreExceptions) {
    TestStore store;
    Client tools = store.socket();
    Client three = store.domain(3);
    Client four = store.domain(4);
    tools.write("/n", "x");
    EXPECT_EQ(tools.chmod("/n", "r0,b3,n4"), "OK");
    EXPECT_EQ(tools.perms("/n"), "r0,b3,n4");
    EXPECT_EQ(three.write("/n", "y"), "OK");
    EXPECT_EQ(four.read("/n"), "EACCES");
    EXPECT_EQ(store.domain(5).read("/n"), "y");
    EXPECT_EQ(three.chmod("/n", "b3"), "EACCES") << "writing is not owning";
}

TEST(Permissions, OwnerMayChangeThemButNotGiveTheNodeAway) {
    TestStore store;
    Client guest = store.domain(3);
    Client other = store.domain(4);
    guest.write("data", "x");
    EXPECT_EQ(guest.chmod("data", "n3,r4"), "OK");
    EXPECT_EQ(other.read("/local/domain/3/data"), "x");
    EXPECT_EQ(guest.chmod("data", "n4"), "EPERM");
}

TEST(Permissions, NewNodesInheritAndBelongToTheirMaker) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    tools.mkdir("/shared");
    tools.chmod("/shared", "n0,b3,r4");
    store.domain(4);
    EXPECT_EQ(guest.write("/shared/a/b", "x"), "OK");
    EXPECT_EQ(tools.perms("/shared/a"), "n3,b3,r4");
    EXPECT_EQ(tools.perms("/shared/a/b"), "n3,b3,r4");
    tools.write("/shared/c", "x");
    EXPECT_EQ(tools.perms("/shared/c"), "n0,b3,r4");
    EXPECT_FALSE(store.server.audit());
}

TEST(Permissions, EntryForADomainDoesNotServeItsSuccessor) {
    TestStore store;
    Client tools = store.socket();
    Client first = store.domain(3);
    tools.write("/n", "x");
    tools.chmod("/n", "n0,r3");
    EXPECT_EQ(first.read("/n"), "x");
    store.platform.states[3] = DomainState::dying;
    store.server.check_domains();
    Client second = store.domain(3);
    EXPECT_EQ(second.read("/n"), "EACCES");
    tools.write("/n", "y");
    EXPECT_EQ(second.read("/n"), "EACCES") << "a later write does not renew it";
    tools.chmod("/n", "n0,r3");
    EXPECT_EQ(second.read("/n"), "y");
}

TEST(Permissions, OwnerMustExist) {
    TestStore store;
    Client tools = store.socket();
    tools.write("/n", "x");
    EXPECT_EQ(tools.chmod("/n", "n9"), "ENOENT");
    EXPECT_EQ(tools.chmod("/n", "n0,r9"), "OK");
    store.platform.states[9] = DomainState::running;
    EXPECT_EQ(tools.chmod("/n", "n9"), "OK");
    EXPECT_FALSE(store.server.audit());
}

TEST(Permissions, DeviceModelMayWhatItsTargetMay) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    Client stub = store.domain(4);
    guest.write("data", "x");
    tools.write("/n", "y");
    tools.chmod("/n", "n0,r3");
    EXPECT_EQ(stub.read("/local/domain/3/data"), "EACCES");
    EXPECT_EQ(tools.ask(MessageType::set_target, "4\0003"_z), (std::string{"OK\0", 3}));
    EXPECT_EQ(stub.read("/local/domain/3/data"), "x");
    EXPECT_EQ(stub.write("/local/domain/3/data", "z"), "OK");
    EXPECT_EQ(stub.read("/n"), "y");
    EXPECT_EQ(tools.ask(MessageType::set_target, "4\0009"_z), "ENOENT");
}

TEST(Permissions, PrivilegedRequestsAreDeniedToGuests) {
    TestStore store;
    Client guest = store.domain(3);
    for (MessageType type : {MessageType::control, MessageType::introduce, MessageType::release, MessageType::resume,
                             MessageType::set_target, MessageType::is_domain_introduced}) {
        EXPECT_EQ(guest.ask(type, "3\0001\0001"_z), "EACCES");
    }
}

TEST(Permissions, SpecialWatchesAreDom0sUnlessSetFree) {
    TestStore store;
    Client tools = store.socket();
    Client guest = store.domain(3);
    EXPECT_EQ(guest.watch("@introduceDomain", "t"), "OK");
    guest.events();
    store.domain(4);
    EXPECT_TRUE(guest.events().empty());
    EXPECT_EQ(guest.chmod("@introduceDomain", "r0"), "EACCES");
    EXPECT_EQ(tools.chmod("@introduceDomain", "n0,r3"), "OK");
    store.domain(5);
    EXPECT_EQ(guest.events(), (std::vector<Event>{{"@introduceDomain", "t"}}));
    EXPECT_EQ(tools.chmod("@other", "r0"), "EINVAL");
}
}  // namespace paravane::xenstored
