// SPDX-License-Identifier: MIT
// Our client of xenstore against xenstored's own server, which a thread serves at a socket.
#include "xenstore/client.hpp"

#include <algorithm>

#include "tests/unit/dom0-tools/xenstored/store_at_socket.hpp"

#include <gtest/gtest.h>

namespace test {
namespace {
class Client : public testing::Test {
protected:
    Client() { setenv("XENSTORED_PATH", path.c_str(), 1); }
    ~Client() override { unlink(path.c_str()); }

    std::string path = "/tmp/xenstore-client-" + std::to_string(getpid());
    StoreAtSocket store{path};
};

// One answer holds 4096 bytes of names: here are some 13,000, in the order and number in which they were made.
TEST_F(Client, ListsADirectoryHoweverLong) {
    Result<XenstoreClient> client = XenstoreClient::connect();
    ASSERT_TRUE(client) << client.error().message();
    std::vector<std::string> names;
    for (int i = 0; i < 1000; ++i) {
        names.push_back("name-of-" + std::to_string(i));
        ASSERT_TRUE(client->write("/long/" + names.back(), "x"));
    }
    Result<std::vector<std::string>> listed = client->list("/long");
    ASSERT_TRUE(listed) << listed.error().message();
    std::ranges::sort(names);
    std::ranges::sort(*listed);
    EXPECT_EQ(*listed, names);
}

TEST_F(Client, ListsOfAnyLengthAreComplete) {
    Result<XenstoreClient> client = XenstoreClient::connect();
    ASSERT_TRUE(client) << client.error().message();
    // Around one answer's end, where the last name just fits, or just does not.
    for (std::size_t made = 0; made < 300; ++made) {
        if (made < 2 || made > 250) {
            Result<std::vector<std::string>> listed = client->list("/some");
            ASSERT_TRUE(listed) << listed.error().message();
            EXPECT_EQ(listed->size(), made);
        }
        ASSERT_TRUE(client->write("/some/" + std::string(11, 'n') + std::to_string(1000 + made), ""));
    }
    ASSERT_TRUE(client->make_directory("/none"));
    EXPECT_TRUE(client->list("/none")->empty());
    EXPECT_TRUE(client->list("/not/there")->empty());
}

TEST_F(Client, ErrorsAreOfAKind) {
    Result<XenstoreClient> client = XenstoreClient::connect();
    ASSERT_TRUE(client) << client.error().message();
    EXPECT_EQ(client->read("/none").error().kind, ErrorKind::not_found);
    EXPECT_EQ(client->read("/a b").error().kind, ErrorKind::internal);
    EXPECT_FALSE(*client->read_if_there("/none"));
    setenv("XENSTORED_PATH", "/no/socket", 1);
    EXPECT_EQ(XenstoreClient::connect().error().kind, ErrorKind::unavailable);
}

TEST_F(Client, ATransactionIsDoneWholly) {
    Result<XenstoreClient> client = XenstoreClient::connect();
    ASSERT_TRUE(client) << client.error().message();
    ASSERT_TRUE(client->in_transaction([](XenstoreClient& inside) { return inside.write("/both/one", "1"); }));
    EXPECT_EQ(*client->read("/both/one"), "1");
    Result<> failed = client->in_transaction([](XenstoreClient& inside) -> Result<> {
        TRY(inside.write("/both/two", "2"));
        return Error{"", "no"};
    });
    EXPECT_FALSE(failed);
    EXPECT_EQ(client->read("/both/two").error().kind, ErrorKind::not_found);
}
}  // namespace
}  // namespace test
