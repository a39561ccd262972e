// SPDX-License-Identifier: MIT
#include "daemon/peers.hpp"

#include <fcntl.h>
#include <grp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <vector>

#include "os/log.hpp"
#include "os/unix_socket.hpp"
#include "portable/base/number.hpp"

namespace paravane {
namespace {
// Connections have numbers far above all other descriptors, which come again only after all others of that range: a
// call that is still under way when its connection ends is not taken for one of a later connection.
constexpr int first_connection = 1024, connections = 16384, backlog = 128;

struct RoleGroup {
    char const* name;
    Role role;
};
constexpr std::array role_groups{RoleGroup{"paravane-admin", Role::admin},
                                 RoleGroup{"paravane-operator", Role::operator_},
                                 RoleGroup{"paravane-viewer", Role::viewer}};

std::vector<gid_t> groups_of(uid_t user, gid_t group) {
    passwd const* entry = getpwuid(user);
    if (entry == nullptr) return {group};
    std::vector<gid_t> groups(1024);
    int count = static_cast<int>(groups.size());
    if (getgrouplist(entry->pw_name, group, groups.data(), &count) < 0) return {group};
    groups.resize(static_cast<std::size_t>(count));
    return groups;
}

Role role_of(ucred const& peer) {
    if (peer.uid == 0 || peer.uid == geteuid()) return Role::admin;
    std::vector<gid_t> groups = groups_of(peer.uid, peer.gid);
    for (RoleGroup const& each : role_groups) {
        ::group const* group = getgrnam(each.name);
        if (group == nullptr) continue;
        for (gid_t member : groups)
            if (member == group->gr_gid) return each.role;
    }
    return Role::none;
}

bool has_role_groups() {
    for (RoleGroup const& each : role_groups)
        if (getgrnam(each.name) != nullptr) return true;
    return false;
}
}  // namespace

Result<> Peers::listen(std::string const& path, grpc::Server& server) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, first_connection + connections);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return Error::from_errno("raise the number of descriptors");
    next_ = first_connection;
    most_ = static_cast<int>(limit.rlim_cur);
    if (most_ <= first_connection) return Error{"raise the number of descriptors", "too few are allowed"};
    listener_ = TRY(listen_unix(path, backlog));
    wake_ = OwnedFd{eventfd(0, EFD_CLOEXEC)};
    // Roles decide then, not the modes of file and folder.
    bool const for_all = has_role_groups();
    std::string const folder = std::filesystem::path{path}.parent_path().string();
    if (for_all && chmod(folder.c_str(), 0711) < 0) return Error::from_errno("open " + folder + " for all");
    if (chmod(path.c_str(), for_all ? 0666 : 0600) < 0) return Error::from_errno("protect " + path);
    thread_ = std::jthread{[this, &server](std::stop_token const& stop) { run(stop, server); }};
    return {};
}

void Peers::stop() {
    thread_.request_stop();
    if (wake_) eventfd_write(wake_.get(), 1);
    thread_ = {};
}

void Peers::run(std::stop_token const& stop, grpc::Server& server) {
    while (!stop.stop_requested()) {
        std::array<pollfd, 2> waiting{pollfd{listener_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
        if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
        if (waiting[0].revents == 0) continue;
        OwnedFd connection{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (connection) take(connection.get(), server);
        else if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
}

void Peers::take(int connection, grpc::Server& server) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return;
    int number = fcntl(connection, F_DUPFD_CLOEXEC, next_);
    if (number < 0) number = fcntl(connection, F_DUPFD_CLOEXEC, first_connection);
    if (number < 0) {
        log::error("too many connections");
        return;
    }
    next_ = number + 1 < most_ ? number + 1 : first_connection;
    Caller caller{role_of(peer), "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid)};
    {
        std::scoped_lock lock{mutex_};
        callers_.insert_or_assign(number, std::move(caller));
    }
    grpc::AddInsecureChannelFromFd(&server, number);
}

Caller Peers::caller(grpc::CallbackServerContext const& context) const {
    std::string peer = context.peer();
    if (!peer.starts_with("fd:")) return {};
    std::optional<std::uint16_t> number = hv::parse_decimal<std::uint16_t>(peer.substr(3));
    std::scoped_lock lock{mutex_};
    auto found = number ? callers_.find(*number) : callers_.end();
    return found == callers_.end() ? Caller{} : found->second;
}
}  // namespace paravane
