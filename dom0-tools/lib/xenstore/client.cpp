// SPDX-License-Identifier: MIT
#include "xenstore/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "os/unix_socket.hpp"
#include "public/io/xs_wire.hpp"

namespace paravane {
namespace {
namespace xs = abi::io::xs;

constexpr int reply_limit_seconds = 20;  // under emulation a loaded xenstored may take seconds
constexpr int most_attempts = 100;

struct ErrorName {
    std::string_view name;
    int code;
};
constexpr std::array error_names{
    ErrorName{"EINVAL", EINVAL}, ErrorName{"EACCES", EACCES},   ErrorName{"EEXIST", EEXIST},
    ErrorName{"EISDIR", EISDIR}, ErrorName{"ENOENT", ENOENT},   ErrorName{"ENOMEM", ENOMEM},
    ErrorName{"ENOSPC", ENOSPC}, ErrorName{"EIO", EIO},         ErrorName{"ENOTEMPTY", ENOTEMPTY},
    ErrorName{"ENOSYS", ENOSYS}, ErrorName{"EROFS", EROFS},     ErrorName{"EBUSY", EBUSY},
    ErrorName{"EAGAIN", EAGAIN}, ErrorName{"EISCONN", EISCONN}, ErrorName{"E2BIG", E2BIG},
    ErrorName{"EPERM", EPERM},
};

std::string socket_path() {
    if (char const* path = std::getenv("XENSTORED_PATH")) return path;
    char const* folder = std::getenv("XENSTORED_RUNDIR");
    return std::string{folder != nullptr ? folder : "/run/xenstored"} + "/socket";
}

std::string with_end(std::string_view text) { return std::string{text} + '\0'; }

Error lost(std::string why) { return Error{"talk to xenstored", std::move(why), ECONNRESET}; }
}  // namespace

Result<XenstoreClient> XenstoreClient::connect() {
    std::string path = socket_path();
    std::string step = "connect to xenstored at " + path;
    Result<OwnedFd> fd = connect_unix(path);
    if (!fd) return Error{step, std::strerror(fd.error().code), ECONNREFUSED};
    timeval limit{.tv_sec = reply_limit_seconds, .tv_usec = 0};
    setsockopt(fd->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd->get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return XenstoreClient{*std::move(fd)};
}

Result<> XenstoreClient::send(std::uint32_t type, std::string_view payload) {
    if (payload.size() > xs::payload_max) return Error{"", "longer than 4096 bytes", E2BIG};
    abi::io::XsdSockmsg header{type, 0, transaction_, static_cast<std::uint32_t>(payload.size())};
    std::string bytes{reinterpret_cast<char const*>(&header), sizeof header};
    bytes += payload;
    std::string_view rest = bytes;
    while (!rest.empty()) {
        ssize_t count = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return lost(std::strerror(errno));
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<> XenstoreClient::receive_exactly(void* data, std::size_t size) {
    auto* to = static_cast<char*>(data);
    while (size != 0) {
        ssize_t count = recv(socket_.get(), to, size, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return lost("no answer in " + std::to_string(reply_limit_seconds) + " s");
        if (count < 0) return lost(std::strerror(errno));
        if (count == 0) return lost("xenstored closed the connection");
        to += count;
        size -= static_cast<std::size_t>(count);
    }
    return {};
}

Result<XenstoreClient::Message> XenstoreClient::receive() {
    abi::io::XsdSockmsg header{};
    TRY(receive_exactly(&header, sizeof header));
    if (header.len > xs::payload_max) return lost("a message longer than the protocol allows");
    Message message{header.type, std::string(header.len, '\0')};
    TRY(receive_exactly(message.payload.data(), message.payload.size()));
    return message;
}

void XenstoreClient::queue_event(std::string const& payload) {
    std::size_t end = payload.find('\0');
    if (end == std::string::npos) return;
    std::string token = payload.substr(end + 1);
    events_.push_back({payload.substr(0, end), token.substr(0, token.find('\0'))});
}

Result<std::string> XenstoreClient::request(std::string_view step, std::uint32_t type, std::string payload) {
    Result<> sent = send(type, payload);
    if (!sent) return std::move(sent).error().within(step);
    for (;;) {
        Result<Message> message = receive();
        if (!message) return std::move(message).error().within(step);
        if (message->type == xs::watch_event) {
            queue_event(message->payload);
            continue;
        }
        if (message->type == xs::error) {
            std::string name = message->payload.substr(0, message->payload.find('\0'));
            auto const* known = std::ranges::find(error_names, name, &ErrorName::name);
            if (known == error_names.end()) return Error{std::string{step}, "xenstored answers " + name, EIO};
            return Error{std::string{step}, std::strerror(known->code), known->code};
        }
        if (message->type != type) return lost("an answer to another question").within(step);
        return std::move(message->payload);
    }
}

Result<std::string> XenstoreClient::read(std::string_view path) {
    return request("read " + std::string{path} + " in xenstore", xs::read, with_end(path));
}

Result<std::optional<std::string>> XenstoreClient::read_if_there(std::string_view path) {
    Result<std::string> value = read(path);
    if (value) return std::optional{*std::move(value)};
    if (value.error().code == ENOENT || value.error().code == EACCES) return std::optional<std::string>{};
    return std::move(value).error();
}

Result<std::vector<std::string>> XenstoreClient::list(std::string_view path) {
    Result<std::string> names = request("list " + std::string{path} + " in xenstore", xs::directory, with_end(path));
    std::vector<std::string> result;
    if (!names && names.error().code == ENOENT) return result;
    if (!names) return std::move(names).error();
    for (std::string_view rest = *names; !rest.empty();) {
        std::size_t end = std::min(rest.find('\0'), rest.size());
        result.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return result;
}

Result<> XenstoreClient::write(std::string_view path, std::string_view value) {
    TRY(request("write " + std::string{path} + " in xenstore", xs::write, with_end(path) + std::string{value}));
    return {};
}

Result<> XenstoreClient::make_directory(std::string_view path) {
    TRY(request("make " + std::string{path} + " in xenstore", xs::mkdir, with_end(path)));
    return {};
}

Result<> XenstoreClient::remove(std::string_view path) {
    Result<std::string> done = request("remove " + std::string{path} + " from xenstore", xs::rm, with_end(path));
    if (!done && done.error().code != ENOENT) return std::move(done).error();
    return {};
}

Result<> XenstoreClient::set_permissions(std::string_view path, std::span<std::string const> permissions) {
    std::string payload = with_end(path);
    for (std::string const& permission : permissions) payload += with_end(permission);
    TRY(request("set the permissions of " + std::string{path} + " in xenstore", xs::set_perms, std::move(payload)));
    return {};
}

Result<> XenstoreClient::introduce(std::uint16_t domid, std::uint64_t frame, std::uint32_t port) {
    TRY(request("introduce domain " + std::to_string(domid) + " to xenstored", xs::introduce,
                with_end(std::to_string(domid)) + with_end(std::to_string(frame)) + with_end(std::to_string(port))));
    return {};
}

Result<bool> XenstoreClient::is_introduced(std::uint16_t domid) {
    std::string answer = TRY(request("ask xenstored about domain " + std::to_string(domid), xs::is_domain_introduced,
                                     with_end(std::to_string(domid))));
    return answer.starts_with('T');
}

Result<> XenstoreClient::in_transaction(std::function<Result<>(XenstoreClient&)> const& body) {
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        std::string id = TRY(request("start a transaction in xenstore", xs::transaction_start, with_end("")));
        transaction_ = static_cast<std::uint32_t>(std::strtoul(id.c_str(), nullptr, 10));
        Result<> done = body(*this);
        Result<std::string> ended =
            request("end a transaction in xenstore", xs::transaction_end, with_end(done ? "T" : "F"));
        transaction_ = 0;
        if (!done) return done;
        if (ended) return {};
        if (ended.error().code != EAGAIN) return std::move(ended).error();
    }
    return Error{"end a transaction in xenstore", "others changed the same nodes each time", EAGAIN};
}

Result<> XenstoreClient::watch(std::string_view path, std::string_view token) {
    TRY(request("watch " + std::string{path} + " in xenstore", xs::watch, with_end(path) + with_end(token)));
    return {};
}

Result<std::optional<WatchEvent>> XenstoreClient::next_event(std::chrono::milliseconds limit) {
    while (events_.empty()) {
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        int ready = poll(&waiting, 1, static_cast<int>(limit.count()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return std::optional<WatchEvent>{};
        Message message = TRY(receive());
        if (message.type == xs::watch_event) queue_event(message.payload);
    }
    WatchEvent event = std::move(events_.front());
    events_.pop_front();
    return std::optional{std::move(event)};
}
}  // namespace paravane
