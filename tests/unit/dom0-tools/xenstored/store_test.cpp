// SPDX-License-Identifier: MIT
#include "xenstored/store.hpp"

#include "test_store.hpp"
#include "xenstored/path.hpp"

#include <gtest/gtest.h>

#include <random>

namespace paravane::xenstored {
NodeRef leaf(std::string value) {
    auto permissions = std::make_shared<Permissions const>(Permissions{{{dom0, Rights::none}}, 0});
    return std::make_shared<Node const>(
        Node{.value = std::move(value), .permissions = permissions, .generation = 1, .children = {}});
}

TEST(Children, AgreeWithAMapUnderRandomChanges) {
    std::mt19937 random{1};
    Children children;
    std::map<std::string, std::string, std::less<>> model;
    std::vector<std::pair<Children, std::size_t>> snapshots;
    for (int step = 0; step < 20000; ++step) {
        std::string name = "n" + std::to_string(random() % 200);
        if (random() % 3 != 0) {
            std::string value = std::to_string(step);
            children = children.with(name, leaf(value));
            model[name] = value;
        } else {
            children = children.without(name);
            model.erase(name);
        }
        ASSERT_EQ(children.count(), model.size());
        if (step % 1000 == 0) snapshots.emplace_back(children, model.size());
    }
    std::size_t size = 0;
    auto expected = model.begin();
    children.for_each([&](std::string_view name, NodeRef const& node) {
        EXPECT_EQ(name, expected->first);
        EXPECT_EQ(node->value, expected->second);
        size += name.size() + 1;
        ++expected;
        return true;
    });
    EXPECT_EQ(expected, model.end());
    EXPECT_EQ(children.listing_size(), size);
    for (auto const& [snapshot, count] : snapshots) {
        std::size_t counted = 0;
        snapshot.for_each([&](std::string_view, NodeRef const&) { return ++counted > 0; });
        EXPECT_EQ(counted, count);
    }
}

TEST(Store, ChangeLeavesTheOldTreeAsItWas) {
    NodeRef before = initial_tree();
    NodeRef after = with_node(before, "/tool/new", leaf("x"), 5);
    EXPECT_EQ(find(before, "/tool/new"), nullptr);
    EXPECT_EQ((*find(after, "/tool/new"))->value, "x");
    EXPECT_EQ(*find(before, "/tool/xenstored"), *find(after, "/tool/xenstored")) << "untouched nodes are shared";
    EXPECT_EQ((*find(after, "/tool"))->generation, 5U) << "its list of children changed";
    EXPECT_EQ(after->generation, before->generation) << "the root's did not";
}

TEST(Path, ValidityIsXens) {
    for (char const* good : {"/", "/a", "/a/b", "/A-z_0@9", "/local/domain/3"})
        EXPECT_TRUE(is_valid_path(good, 2048)) << good;
    for (char const* bad : {"", "a", "/a/", "//", "/a//b", "/a b", "/a.b", "/a\xc3", "@x"}) {
        EXPECT_FALSE(is_valid_path(bad, 2048)) << bad;
    }
    std::string longest = "/" + std::string(2047, 'x');
    EXPECT_TRUE(is_valid_path(longest, 2048));
    EXPECT_FALSE(is_valid_path(longest + "x", 2048));
    EXPECT_TRUE(is_valid_path("/local/domain/12345/" + std::string(2048, 'x'), 2048));
    EXPECT_FALSE(is_valid_path("/local/domain/12345/" + std::string(2049, 'x'), 2048));
}

TEST(Requests, WriteMakesMissingParents) {
    TestStore store;
    Client client = store.socket();
    EXPECT_EQ(client.write("/a/b/c", "v"), "OK");
    EXPECT_EQ(client.read("/a/b/c"), "v");
    EXPECT_EQ(client.read("/a/b"), "");
    EXPECT_EQ(client.list("/"), "a,tool");
    EXPECT_EQ(client.list("/a/b/c"), "");
}

TEST(Requests, ValuesAreBinary) {
    TestStore store;
    Client client = store.socket();
    std::string value{"\0\xff\0x", 4};
    EXPECT_EQ(client.write("/a", value), "OK");
    EXPECT_EQ(client.read("/a"), value);
    EXPECT_EQ(client.write("/a", ""), "OK");
    EXPECT_EQ(client.read("/a"), "");
}

TEST(Requests, MkdirOfSomethingThereChangesNothing) {
    TestStore store;
    Client client = store.socket();
    client.write("/a", "v");
    EXPECT_EQ(client.mkdir("/a"), "OK");
    EXPECT_EQ(client.read("/a"), "v");
}

TEST(Requests, RemovingWhatIsGoneIsFineIfItsParentIsThere) {
    TestStore store;
    Client client = store.socket();
    EXPECT_EQ(client.rm("/none"), "OK");
    EXPECT_EQ(client.rm("/none/below"), "ENOENT");
    EXPECT_EQ(client.rm("/"), "EINVAL");
    client.write("/a/b", "v");
    EXPECT_EQ(client.rm("/a"), "OK");
    EXPECT_EQ(client.read("/a/b"), "ENOENT");
}

TEST(Requests, MalformedOnesAreInvalid) {
    TestStore store;
    Client client = store.socket();
    EXPECT_EQ(client.ask(MessageType::read, "/tool"), "EINVAL") << "no nul";
    EXPECT_EQ(client.ask(MessageType::read, ""), "EINVAL");
    EXPECT_EQ(client.ask(MessageType::read, "/tool\0x"_z), "EINVAL");
    EXPECT_EQ(client.read("/tool/"), "EINVAL");
    EXPECT_EQ(client.read("@releaseDomain"), "EINVAL");
    EXPECT_EQ(client.ask(MessageType::write, "/a"), "EINVAL");
    EXPECT_EQ(client.ask(MessageType::set_perms, "/tool"_z), "EINVAL");
    EXPECT_EQ(client.ask(MessageType::watch, "/tool"_z), "EINVAL");
    EXPECT_EQ(client.ask(MessageType::directory_part, "/tool"_z), "EINVAL");
    EXPECT_EQ(client.chmod("/tool", "x0"), "EINVAL");
    EXPECT_EQ(client.chmod("/tool", "n"), "EINVAL");
    EXPECT_EQ(client.chmod("/tool", "n70000"), "EINVAL");
}

TEST(Requests, RelativePathsAreBelowTheCallersDomain) {
    TestStore store;
    Client guest = store.domain(3);
    EXPECT_EQ(guest.write("data/x", "1"), "OK");
    EXPECT_EQ(store.socket().read("/local/domain/3/data/x"), "1");
    EXPECT_EQ(guest.read("/local/domain/3/data/x"), "1");
    EXPECT_EQ(guest.read(""), "EINVAL");
}

TEST(Requests, ALongDirectoryComesInParts) {
    TestStore store;
    Client client = store.socket();
    std::set<std::string> names;
    for (int i = 0; i < 1000; ++i) {
        names.insert("name-" + std::to_string(i));
        client.write("/d/name-" + std::to_string(i), "");
    }
    EXPECT_EQ(client.list("/d"), "E2BIG");
    std::set<std::string> seen;
    std::size_t offset = 0;
    std::string generation;
    for (;;) {
        std::string reply = client.ask(MessageType::directory_part, "/d"_z + std::to_string(offset) + '\0');
        ASSERT_LE(reply.size(), max_payload);
        std::vector<std::string_view> part = strings_of(reply);
        if (offset == 0) generation = part[0];
        EXPECT_EQ(part[0], generation);
        for (std::string_view name : std::span{part}.subspan(1)) {
            if (name.empty()) continue;
            EXPECT_TRUE(seen.emplace(name).second) << name;
        }
        if (part.back().empty()) break;
        offset += reply.size() - part[0].size() - 1;
    }
    EXPECT_EQ(seen, names);
    client.write("/d/another", "");
    std::string reply = client.ask(MessageType::directory_part, "/d\0000"_z);
    EXPECT_NE(strings_of(reply)[0], generation);
}

TEST(Requests, DeepPathsAreFine) {
    TestStore store;
    Client client = store.socket();
    std::string path;
    for (int i = 0; i < 1000; ++i) path += "/d";
    EXPECT_EQ(client.write(path, "deep"), "OK");
    EXPECT_EQ(client.read(path), "deep");
    EXPECT_EQ(client.rm("/d"), "OK");
    EXPECT_FALSE(store.server.audit());
}
}  // namespace paravane::xenstored
