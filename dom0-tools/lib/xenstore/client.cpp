// SPDX-License-Identifier: MIT
#include "xenstore/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "os/io.hpp"
#include "os/unix_socket.hpp"
#include "portable/base/number.hpp"
#include "portable/xenstore/errors.hpp"
#include "public/io/xs_wire.hpp"
#include "xenstore/socket_path.hpp"

namespace paravane {
namespace {
namespace xs = abi::io::xs;

constexpr int reply_limit_seconds = 20;  // under emulation a loaded xenstored may take seconds
constexpr int most_attempts = 100;

std::string with_end(std::string_view text) { return std::string{text} + '\0'; }

Error lost(std::string why) { return Error{"talk to xenstored", std::move(why), ErrorKind::unavailable, ECONNRESET}; }

Error lost(Error const& error) {
    if (error.code == EAGAIN) return lost("no answer in " + std::to_string(reply_limit_seconds) + " s");
    return lost(error.reason);
}

// What xenstored names, by the kind it has for whoever asked.
Error refusal(std::string_view step, std::string const& name) {
    std::optional<abi::Errno> named = hv::xenstore::error_named(name);
    if (!named) return Error{std::string{step}, "xenstored answers " + name};
    Error error = Error::from_errno(std::string{step}, static_cast<int>(*named));
    switch (*named) {
        case abi::Errno::noent: return std::move(error).as(ErrorKind::not_found);
        case abi::Errno::exist: return std::move(error).as(ErrorKind::exists);
        default: return error;
    }
}

// All names, each with a zero behind it.
void append_names(std::vector<std::string>& names, std::string_view text) {
    while (!text.empty()) {
        std::size_t end = std::min(text.find('\0'), text.size());
        names.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}
}  // namespace

Result<XenstoreClient> XenstoreClient::connect() {
    std::string path = xenstore_socket_path();
    std::string step = "connect to xenstored at " + path;
    Result<OwnedFd> fd = connect_unix(path);
    if (!fd) return Error{step, std::strerror(fd.error().code), ErrorKind::unavailable, ECONNREFUSED};
    return adopt(*std::move(fd));
}

Result<XenstoreClient> XenstoreClient::adopt(OwnedFd socket) {
    timeval limit{.tv_sec = reply_limit_seconds, .tv_usec = 0};
    for (int which : {SO_RCVTIMEO, SO_SNDTIMEO}) {
        if (setsockopt(socket.get(), SOL_SOCKET, which, &limit, sizeof limit) < 0)
            return Error::from_errno("talk to xenstored");
    }
    return XenstoreClient{std::move(socket)};
}

Result<> XenstoreClient::send(std::uint32_t type, std::string_view payload) {
    if (payload.size() > xs::payload_max) return Error{"", "longer than 4096 bytes", ErrorKind::invalid, E2BIG};
    abi::io::XsdSockmsg header{type, 0, transaction_, static_cast<std::uint32_t>(payload.size())};
    std::string bytes{reinterpret_cast<char const*>(&header), sizeof header};
    bytes += payload;
    Result<> sent = send_all(socket_.get(), bytes);
    if (!sent) return lost(sent.error());
    return sent;
}

Result<XenstoreClient::Message> XenstoreClient::receive() {
    abi::io::XsdSockmsg header{};
    Result<> received = receive_all(socket_.get(), std::as_writable_bytes(std::span{&header, 1}));
    if (!received) return lost(received.error());
    if (header.len > xs::payload_max) return lost("a message longer than the protocol allows");
    Message message{header.type, std::string(header.len, '\0')};
    received = receive_all(socket_.get(), std::as_writable_bytes(std::span{message.payload}));
    if (!received) return lost(received.error());
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
            return refusal(step, message->payload.substr(0, message->payload.find('\0')));
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
    std::string step = "list " + std::string{path} + " in xenstore";
    Result<std::string> text = request(step, xs::directory, with_end(path));
    std::vector<std::string> names;
    if (!text && text.error().code == ENOENT) return names;
    if (!text && text.error().code == E2BIG) return list_by_parts(step, path);
    if (!text) return std::move(text).error();
    append_names(names, *text);
    return names;
}

// What does not fit into one answer comes from an offset on, behind the directory's generation; an empty name ends it.
// A directory that changed in between is begun anew.
Result<std::vector<std::string>> XenstoreClient::list_by_parts(std::string const& step, std::string_view path) {
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        std::string listing, generation;
        for (;;) {
            std::string part =
                TRY(request(step, xs::directory_part, with_end(path) + with_end(std::to_string(listing.size()))));
            std::size_t end = part.find('\0');
            if (end == std::string::npos) return lost("a part of a directory without its generation").within(step);
            if (!listing.empty() && part.compare(0, end, generation) != 0) break;
            generation = part.substr(0, end);
            std::string_view names = std::string_view{part}.substr(end + 1);
            bool last =
                names.empty() || names == std::string_view{"\0", 1} || names.ends_with(std::string_view{"\0\0", 2});
            listing += last && !names.empty() ? names.substr(0, names.size() - 1) : names;
            if (!last) continue;
            std::vector<std::string> result;
            append_names(result, listing);
            return result;
        }
    }
    return Error{step, "it changed each time", ErrorKind::internal, EAGAIN};
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
        std::optional<std::uint32_t> number = hv::parse_decimal<std::uint32_t>(id.c_str());
        if (!number) return lost("a transaction without a number");
        transaction_ = *number;
        Result<> done = body(*this);
        Result<std::string> ended =
            request("end a transaction in xenstore", xs::transaction_end, with_end(done ? "T" : "F"));
        transaction_ = 0;
        if (!done) return done;
        if (ended) return {};
        if (ended.error().code != EAGAIN) return std::move(ended).error();
    }
    return Error{"end a transaction in xenstore", "others changed the same nodes each time", ErrorKind::internal,
                 EAGAIN};
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
