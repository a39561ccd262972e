// SPDX-License-Identifier: MIT
#include "supervisor/node_gate.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "xenstore/device_folders.hpp"

namespace paravane::supervisor {
namespace {
namespace xs = abi::io::xs;

constexpr int at_once = 16;  // messages, before others have their turn
constexpr std::size_t longest_value = 64;

bool is_in(std::string_view path, std::string_view folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}
bool is_node(std::string_view path, std::string_view folder, std::string_view name) {
    return is_in(path, folder) && path.substr(folder.size() + 1) == name;
}

// None: not now. 0: it has ended.
std::optional<std::size_t> receive_some(int socket, std::span<char> to) {
    ssize_t const count = recv(socket, to.data(), to.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}
std::optional<std::size_t> send_some(int socket, std::string_view bytes) {
    ssize_t const count = send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}
}  // namespace

NodeRules::NodeRules(hv::xenbus::Kind const& kind, DeviceId const& device)
    : kind_{kind},
      front_{frontend_folder(kind, device.domid, device.index)},
      back_{backend_folder(kind, device.domid, device.index)} {}

bool NodeRules::allow(hv::xenstore::Frame const& message) const {
    if (message.header.tx_id != 0) return false;
    std::string_view rest = message.payload;
    std::optional<std::string_view> const path = hv::xenstore::take_string(rest);
    if (!path) return false;
    switch (message.header.type) {
        case xs::read: return rest.empty() && (is_in(*path, front_) || is_in(*path, back_));
        case xs::watch:
            return hv::xenstore::only_string(rest) &&
                   (is_node(*path, front_, hv::xenbus::state_node) || is_node(*path, back_, hv::xenbus::online.name));
        case xs::write: return may_write(*path, rest);
        default: return false;
    }
}

bool NodeRules::may_write(std::string_view path, std::string_view value) const {
    if (value.size() > longest_value) return false;
    return is_node(path, back_, hv::xenbus::state_node) ||
           std::ranges::any_of(kind_.nodes, [&](hv::xenbus::Node const& node) {
               return node.writer == hv::xenbus::Writer::backend && is_node(path, back_, node.name);
           });
}

NodeGate::NodeGate(EventLoop& loop, NodeRules rules, OwnedFd process, OwnedFd store, CutOff cut_off)
    : loop_{loop},
      rules_{std::move(rules)},
      process_{std::move(process)},
      store_{std::move(store)},
      cut_off_{std::move(cut_off)} {}

Result<std::unique_ptr<NodeGate>> NodeGate::open(EventLoop& loop, NodeRules rules, OwnedFd process, OwnedFd store,
                                                 CutOff cut_off) {
    std::unique_ptr<NodeGate> gate{
        new NodeGate{loop, std::move(rules), std::move(process), std::move(store), std::move(cut_off)}};
    for (OwnedFd* end : {&gate->process_, &gate->store_})
        TRY(loop.add(end->get(), EPOLLIN, [it = gate.get()](std::uint32_t events) { it->pump(events); }));
    return gate;
}

void NodeGate::close() {
    for (OwnedFd* end : {&process_, &store_}) {
        if (*end) loop_.remove(end->get());
        *end = OwnedFd{};
    }
}

void NodeGate::pump(std::uint32_t events) {
    if (!process_) return;
    bool const one_has_gone = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (move_requests() == Moved::fine && move_answers() == Moved::fine && !one_has_gone && watch()) return;
    close();
}

NodeGate::Moved NodeGate::move_requests() {
    for (int message = 0; message < at_once;) {
        if (allowed_ != 0) {
            std::optional<std::size_t> const sent =
                send_some(store_.get(), std::string_view{asked_}.substr(0, allowed_));
            if (!sent) return Moved::fine;
            if (*sent == 0) return Moved::ended;
            asked_.erase(0, *sent);
            allowed_ -= *sent;
            continue;
        }
        hv::xenstore::Frame const frame = hv::xenstore::first_frame(asked_);
        if (frame.state == hv::xenstore::Frame::State::broken ||
            (frame.state == hv::xenstore::Frame::State::whole && !rules_.allow(frame))) {
            cut_off_("it asked the store for what it may not");
            return Moved::ended;
        }
        if (frame.state == hv::xenstore::Frame::State::whole) {
            allowed_ = frame.size();
            ++message;
            continue;
        }
        std::array<char, hv::xenstore::max_message> more;
        std::optional<std::size_t> const count =
            receive_some(process_.get(), std::span{more}.first(more.size() - asked_.size()));
        if (!count) return Moved::fine;
        if (*count == 0) return Moved::ended;
        asked_.append(more.data(), *count);
    }
    return Moved::fine;
}

NodeGate::Moved NodeGate::move_answers() {
    for (int piece = 0; piece < at_once; ++piece) {
        if (answered_.empty()) {
            std::array<char, hv::xenstore::max_message> more;
            std::optional<std::size_t> const count = receive_some(store_.get(), more);
            if (!count) return Moved::fine;
            if (*count == 0) {
                cut_off_("the store has gone");
                return Moved::ended;
            }
            answered_.assign(more.data(), *count);
        }
        std::optional<std::size_t> const sent = send_some(process_.get(), answered_);
        if (!sent) return Moved::fine;
        if (*sent == 0) return Moved::ended;
        answered_.erase(0, *sent);
    }
    return Moved::fine;
}

// Who has something on its way to the other is not heard until that has taken it.
Result<> NodeGate::watch() {
    auto const events = [](bool hears, bool speaks) { return (hears ? EPOLLIN : 0u) | (speaks ? EPOLLOUT : 0u); };
    TRY(loop_.change(process_.get(), events(allowed_ == 0, !answered_.empty())));
    return loop_.change(store_.get(), events(answered_.empty(), allowed_ != 0));
}
}  // namespace paravane::supervisor
