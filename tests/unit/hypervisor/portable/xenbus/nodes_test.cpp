// SPDX-License-Identifier: MIT
#include "portable/xenbus/nodes.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace {
using namespace hv::xenbus;

TEST(XenbusNodes, AreReadAsTheTableSays) {
    EXPECT_EQ(console::port.value("2"), 2u);
    for (char const* wrong : {"", "0", "131072", "-1", "2 ", "0x2", "99999999999999999999"})
        EXPECT_FALSE(console::port.value(wrong).has_value()) << wrong;
    EXPECT_FALSE(console::port.value({}).has_value()) << "it must be there";
    EXPECT_EQ(net::mtu.value({}), 1500u);
    EXPECT_FALSE(net::mtu.value("67").has_value());
    EXPECT_EQ(block::feature_flush_cache.value({}), 0u);
    EXPECT_EQ(block::feature_flush_cache.value("1"), 1u);
    EXPECT_FALSE(block::feature_flush_cache.value("2").has_value());
    EXPECT_EQ(console::ring_ref.value("18446744073709551615"), ~std::uint64_t{0});
}

TEST(XenbusNodes, AreEachWrittenByOne) {
    for (Kind const& kind : kinds) {
        std::set<std::pair<std::string, Writer>> names;
        for (Node const& node : kind.nodes) {
            EXPECT_TRUE(names.insert({std::string{node.name}, node.writer}).second) << kind.name << ": " << node.name;
            EXPECT_LE(node.least, node.most) << node.name;
            EXPECT_TRUE(!node.otherwise || (*node.otherwise >= node.least && *node.otherwise <= node.most))
                << node.name;
            EXPECT_EQ(node.name.find('/'), std::string_view::npos) << node.name;
        }
    }
}

// dom0's own drivers claim these.
TEST(XenbusNodes, BackendsHaveFoldersOfTheirOwn) {
    for (Kind const& kind : kinds) EXPECT_TRUE(kind.backend != "vbd" && kind.backend != "vif") << kind.name;
}
}  // namespace
