// SPDX-License-Identifier: MIT
// Who may connect: this user, or, where the host has groups with roles, everybody, and the role decides.
#include "daemon/peers.hpp"

#include <grp.h>
#include <grpcpp/server_builder.h>
#include <paravane/v1/operations.grpc.pb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include <gtest/gtest.h>

namespace {
bool host_has_viewers = false;
}  // namespace

// In place of the host's groups.
extern "C" group* getgrnam(char const* name) {
    static char viewers[] = "paravane-viewer";
    static group found{.gr_name = viewers, .gr_passwd = nullptr, .gr_gid = 65000, .gr_mem = nullptr};
    return host_has_viewers && std::string_view{name} == viewers ? &found : nullptr;
}

namespace {
mode_t mode_of(std::string const& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
}

TEST(Peers, TheSocketIsReachedByWhoMayHaveARole) {
    std::string const folder = testing::TempDir() + "peers-" + std::to_string(getpid());
    for (bool viewers : {false, true}) {
        host_has_viewers = viewers;
        std::filesystem::create_directory(folder);
        ASSERT_EQ(chmod(folder.c_str(), 0700), 0);
        paravane::v1::Operations::CallbackService service;  // a server has to have one
        std::unique_ptr<grpc::Server> server = grpc::ServerBuilder{}.RegisterService(&service).BuildAndStart();
        ASSERT_NE(server, nullptr);
        {
            paravane::Peers peers;
            paravane::Result<> const listening = peers.listen(folder + "/api", *server);
            ASSERT_TRUE(listening) << listening.error().message();
            EXPECT_EQ(mode_of(folder), viewers ? 0711u : 0700u);
            EXPECT_EQ(mode_of(folder + "/api"), viewers ? 0666u : 0600u);
        }
        server->Shutdown();
        std::filesystem::remove_all(folder);
    }
}
}  // namespace
