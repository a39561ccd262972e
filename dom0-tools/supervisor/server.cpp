// SPDX-License-Identifier: MIT
#include "supervisor/server.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "os/log.hpp"

namespace paravane::supervisor {
namespace {
// Is that the answer somebody waits for?
bool is_answer(What what, State state) {
    switch (what) {
        case What::start:
        case What::restart: return state == State::running || state == State::gone;
        case What::stop: return state == State::gone;
        default: return true;
    }
}

bool is_failure(What what, State state) { return what != What::stop && state == State::gone; }

bool same_device(Request const& a, Request const& b) {
    return a.owner == b.owner && a.arguments == b.arguments && a.log == b.log;
}
}  // namespace

Result<> Server::start(OwnedFd listener) {
    for (Record const& record : read_records(places_)) {
        Kind const* kind = find_kind(text_of(record.request.device.kind));
        if (kind == nullptr) continue;
        auto& device = devices_[record.request.device];
        device = make_device(record.request, *kind);
        device->adopt(record);
    }
    listener_ = std::move(listener);
    return loop_.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
}

std::unique_ptr<DeviceProcess> Server::make_device(Request const& request, Kind const& kind) {
    return std::make_unique<DeviceProcess>(loop_, places_, request, kind,
                                           [this](DeviceProcess& device) { changed(device); });
}

void Server::accept_one() {
    OwnedFd socket{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket || clients_.size() == most_clients) return;
    Place client =
        clients_.insert(clients_.end(), Client{.socket = std::move(socket), .watches = false, .waiting = {}});
    if (!loop_.add(client->socket.get(), EPOLLIN, [this, client](std::uint32_t) { hear(client); }))
        clients_.erase(client);
}

void Server::hear(Place client) {
    Request request{};
    ssize_t const count = recv(client->socket.get(), &request, sizeof request, MSG_TRUNC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count == sizeof request && request.version == version) return handle(*client, request);
    if (count > 0) log::error("a client that speaks another version was disconnected");
    loop_.remove(client->socket.get());
    clients_.erase(client);
}

void Server::handle(Client& client, Request const& request) {
    auto const found = devices_.find(request.device);
    DeviceProcess* device =
        found == devices_.end() || found->second->state() == State::gone ? nullptr : found->second.get();
    switch (request.what) {
        case What::start: return start_device(client, request);
        case What::stop:
            if (device == nullptr) {
                Answer nothing{};
                nothing.version = version;
                nothing.what = What::stop;
                nothing.device = request.device;
                return answer(client, nothing);
            }
            client.waiting.push_back({What::stop, request.device});
            return device->stop();
        case What::restart:
            if (device == nullptr || device->state() == State::stopping)
                return refuse(client, request, "there is no such device");
            device->kill();
            client.waiting.push_back({What::restart, request.device});
            return;
        case What::watch: client.watches = true; [[fallthrough]];
        case What::list: {
            for (auto const& [id, one] : devices_)
                if (one->state() != State::gone) answer(client, one->describe(request.what));
            Answer end{};
            end.version = version;
            end.what = What::end;
            return answer(client, end);
        }
        case What::event:
        case What::end: break;
    }
    refuse(client, request, "there is no such request");
}

void Server::start_device(Client& client, Request const& request) {
    Kind const* kind = find_kind(text_of(request.device.kind));
    if (kind == nullptr) return refuse(client, request, "there is no such kind of device");
    auto const found = devices_.find(request.device);
    if (found != devices_.end() && found->second->state() != State::gone) {
        DeviceProcess& device = *found->second;
        if (device.state() == State::stopping || !same_device(device.request(), request))
            return refuse(client, request, "the device of that number before it has not ended yet");
        if (device.state() == State::running) return answer(client, device.describe(What::start));
        client.waiting.push_back({What::start, request.device});
        return;
    }
    client.waiting.push_back({What::start, request.device});
    auto& device = devices_[request.device];
    device = make_device(request, *kind);
    device->start();
}

void Server::changed(DeviceProcess& device) {
    for (Client& client : clients_) {
        if (client.watches) answer(client, device.describe(What::event));
        for (auto waiting = client.waiting.begin(); waiting != client.waiting.end();) {
            if (waiting->device != device.request().device || !is_answer(waiting->what, device.state())) {
                ++waiting;
                continue;
            }
            Answer said = device.describe(waiting->what);
            said.failed = is_failure(waiting->what, device.state());
            answer(client, said);
            waiting = client.waiting.erase(waiting);
        }
    }
}

// Who does not read what he asked for is disconnected: he hears of nothing any more, and can ask again.
void Server::answer(Client& client, Answer const& answer) {
    if (send(client.socket.get(), &answer, sizeof answer, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        shutdown(client.socket.get(), SHUT_RDWR);
}

void Server::refuse(Client& client, Request const& request, std::string_view why) {
    Answer no{};
    no.version = version;
    no.what = request.what;
    no.device = request.device;
    no.failed = 1;
    (void)put_text(no.reason, why);
    answer(client, no);
}

std::optional<Clock::time_point> Server::look(Clock::time_point now) {
    std::optional<Clock::time_point> next;
    for (auto device = devices_.begin(); device != devices_.end();) {
        device->second->look(now);
        if (device->second->state() == State::gone) {
            device = devices_.erase(device);
            continue;
        }
        if (auto due = device->second->due(); due && (!next || *due < *next)) next = due;
        ++device;
    }
    return next;
}
}  // namespace paravane::supervisor
