// SPDX-License-Identifier: MIT
// Our client of xenstore against xenstored's own server, which a thread serves at a socket.
#include "xenstore/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "os/io.hpp"
#include "os/unix_socket.hpp"
#include "xenstored/server.hpp"

#include <gtest/gtest.h>

namespace test {
namespace {
using namespace paravane;
using xenstored::Server;
using xenstored::Session;

class NoDomains final : public xenstored::Platform {
public:
    xenstored::DomainState state_of(xenstored::Domid) override { return xenstored::DomainState::absent; }
    std::optional<std::map<xenstored::Domid, xenstored::DomainState>> domain_states() override { return {}; }
    xenstored::Outcome<xenstored::RingPlace> connect(Session&, std::uint32_t) override {
        return xenstored::RingPlace{};
    }
    xenstored::Outcome<xenstored::RingPlace> reconnect(Session&, std::uint32_t) override {
        return xenstored::RingPlace{};
    }
    void disconnect(Session&) override {}
    void log(std::string_view) override {}
};

// One client at a time, until the listener is shut.
class StoreAtSocket {
public:
    explicit StoreAtSocket(std::string const& path) : listener_{*listen_unix(path)}, thread_{[this] { run(); }} {}
    ~StoreAtSocket() { shutdown(listener_.get(), SHUT_RDWR); }

private:
    void run() {
        for (;;) {
            pollfd waiting{.fd = listener_.get(), .events = POLLIN, .revents = 0};
            poll(&waiting, 1, -1);
            OwnedFd client{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (!client) return;
            serve(client.get());
        }
    }

    void serve(int client) {
        Session& session = server_.open_socket_session();
        std::byte chunk[4096];
        for (;;) {
            ssize_t const count = recv(client, chunk, sizeof chunk, 0);
            if (count <= 0) break;
            server_.feed(session, std::span{chunk}.first(static_cast<std::size_t>(count)));
            while (server_.serve(session, 100, {})) {}
            while (!session.output.empty()) {
                std::span<std::byte const> const bytes = session.output.front();
                if (!send_all(client, {reinterpret_cast<char const*>(bytes.data()), bytes.size()})) break;
                server_.took(session, bytes.size());
            }
        }
        server_.close_session(session);
    }

    NoDomains platform_;
    Server server_{platform_};
    OwnedFd listener_;
    std::jthread thread_;
};

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
