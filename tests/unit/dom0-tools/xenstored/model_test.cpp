// SPDX-License-Identifier: MIT
// Random requests of two clients with transactions, against a plain map. After each commit the accounts are counted
// again.
#include "test_store.hpp"
#include "xenstored/path.hpp"

#include <gtest/gtest.h>

#include <random>

namespace paravane::xenstored {
namespace {
// The store as a map; a transaction is a copy of it, and of what it touched.
struct Model {
    using Nodes = std::map<std::string, std::string, std::less<>>;
    Nodes nodes{{"/", ""}, {"/tool", ""}, {"/tool/xenstored", ""}};

    static std::string read(Nodes const& in, std::string const& path) {
        auto node = in.find(path);
        return node == in.end() ? "ENOENT" : node->second;
    }
    static void make(Nodes& in, std::string const& path, std::string const& value) {
        for (std::string up{parent_of(path)}; !in.contains(up); up = parent_of(up)) in[up] = "";
        in[path] = value;
    }
    static std::string rm(Nodes& in, std::string const& path) {
        if (!in.contains(path)) return in.contains(std::string{parent_of(path)}) ? "OK" : "ENOENT";
        std::erase_if(in, [&](auto const& node) { return node.first == path || node.first.starts_with(path + "/"); });
        return "OK";
    }
    static std::string list(Nodes const& in, std::string const& path) {
        if (!in.contains(path)) return "ENOENT";
        std::string names;
        for (auto const& [name, value] : in) {
            if (name != "/" && parent_of(name) == path)
                names += (names.empty() ? "" : ",") + std::string{basename_of(name)};
        }
        return names;
    }
};
}  // namespace

TEST(Model, RandomRequestsGiveWhatAMapGives) {
    std::mt19937 random{20261120};
    TestStore store;
    Model model;
    std::array<Client, 2> clients{store.socket(), store.socket()};
    struct Open {
        std::uint32_t id = 0;
        Model::Nodes base;
        Model::Nodes nodes;
        int changes = 0;
    };
    std::array<Open, 2> open;
    auto random_path = [&] {
        std::string path;
        for (unsigned depth = 1 + random() % 3; depth > 0; --depth) path += "/" + std::string(1, "abcd"[random() % 4]);
        return path;
    };
    int changes = 0;  // of the store itself
    int commits = 0;
    int conflicts = 0;
    for (int step = 0; step < 30000; ++step) {
        std::size_t who = random() % 2;
        Client& client = clients[who];
        Open& tx = open[who];
        std::uint32_t id = tx.id;
        Model::Nodes& nodes = id != 0 ? tx.nodes : model.nodes;
        std::string path = random_path();
        std::string value = std::to_string(step);
        if (id == 0) ++changes;
        switch (random() % 8) {
            case 0:
                if (id == 0) {
                    tx = {client.begin(), model.nodes, model.nodes, changes};
                    break;
                }
                if (client.commit(id) == "OK") {
                    // Without a conflict the changes apply to the store as it is now.
                    for (auto const& [name, old] : tx.base) {
                        if (!tx.nodes.contains(name)) model.nodes.erase(name);
                    }
                    for (auto const& [name, now] : tx.nodes) {
                        auto before = tx.base.find(name);
                        if (before == tx.base.end() || before->second != now) model.nodes[name] = now;
                    }
                    ++changes;
                    ++commits;
                } else {
                    ASSERT_NE(changes, tx.changes) << "a conflict needs somebody else's change";
                    ++conflicts;
                }
                tx.id = 0;
                break;
            case 1:
            case 2:
                ASSERT_EQ(client.write(path, value, id), "OK");
                Model::make(nodes, path, value);
                break;
            case 3:
                ASSERT_EQ(client.mkdir(path, id), "OK");
                if (!nodes.contains(path)) Model::make(nodes, path, "");
                break;
            case 4: ASSERT_EQ(client.rm(path, id), Model::rm(nodes, path)); break;
            case 5: ASSERT_EQ(client.list(path, id), Model::list(nodes, path)) << path; break;
            default: ASSERT_EQ(client.read(path, id), Model::read(nodes, path)) << path; break;
        }
        if (step % 100 == 0) {
            Model::Nodes seen;
            for_each_below("/", store.server.root(),
                           [&](std::string const& name, NodeRef const& node) { seen[name] = node->value; });
            ASSERT_EQ(seen, model.nodes);
            std::optional<std::string> wrong = store.server.audit();
            ASSERT_FALSE(wrong) << *wrong;
        }
    }
    EXPECT_GT(commits, 100);
    EXPECT_GT(conflicts, 100);
}
}  // namespace paravane::xenstored
