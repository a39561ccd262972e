// SPDX-License-Identifier: MIT
// A client of xenstored over its Unix socket: one request at a time, watch events queued in between.
// Cheap to open, so each user has its own; an error of the connection is final, reconnect by connecting again.
// Errors have the errno that xenstored named (ENOENT, EAGAIN, EACCES, …) as their detail; they are of the kind
// unavailable when the connection is gone.
#pragma once
#include "os/error.hpp"
#include "os/owned_fd.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paravane {
struct WatchEvent {
    std::string path;
    std::string token;
};

class XenstoreClient {
public:
    // The socket is $XENSTORED_PATH, or `socket` in $XENSTORED_RUNDIR, or /run/xenstored/socket.
    static Result<XenstoreClient> connect();
    // Of a connection that somebody else has made, who may.
    static Result<XenstoreClient> adopt(OwnedFd socket);

    Result<std::string> read(std::string_view path);
    Result<std::optional<std::string>> read_if_there(std::string_view path);
    Result<std::vector<std::string>> list(std::string_view path);  // empty when the node is not there; however long
    Result<> write(std::string_view path, std::string_view value);
    Result<> make_directory(std::string_view path);
    Result<> remove(std::string_view path);  // a node that is not there is no error
    // xenstore notation: "n0" owner and default, then "r3", "w4", "b5".
    Result<> set_permissions(std::string_view path, std::span<std::string const> permissions);

    Result<> introduce(std::uint16_t domid, std::uint64_t frame, std::uint32_t port);
    Result<bool> is_introduced(std::uint16_t domid);

    // Runs `body` inside a transaction and commits; runs it again when another client interfered.
    Result<> in_transaction(std::function<Result<>(XenstoreClient&)> const& body);

    Result<> watch(std::string_view path, std::string_view token);
    int fd() const { return socket_.get(); }  // readable when an event may have come
    // The next event, waiting for it up to `limit`; none when the time is over.
    Result<std::optional<WatchEvent>> next_event(std::chrono::milliseconds limit);

private:
    struct Message {
        std::uint32_t type;
        std::string payload;
    };

    explicit XenstoreClient(OwnedFd socket) : socket_{std::move(socket)} {}

    Result<std::string> request(std::string_view step, std::uint32_t type, std::string payload);
    Result<> send(std::uint32_t type, std::string_view payload);
    Result<Message> receive();
    Result<std::vector<std::string>> list_by_parts(std::string const& step, std::string_view path);
    void queue_event(std::string const& payload);

    OwnedFd socket_;
    std::uint32_t transaction_ = 0;
    std::deque<WatchEvent> events_;
};
}  // namespace paravane
