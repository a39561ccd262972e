// SPDX-License-Identifier: MIT
#include "backend/supervisor.hpp"

#include <poll.h>
#include <sys/socket.h>

#include "os/unix_socket.hpp"

namespace paravane::supervisor {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Error lost(std::string reason) { return {"talk to the supervisor", std::move(reason), ErrorKind::unavailable}; }

Result<Request> request_about(What what, Device const& device) {
    Request request{};
    request.version = version;
    request.what = what;
    request.device.domid = device.domid;
    request.device.index = device.index;
    if (!put_text(request.device.kind, device.kind))
        return Error{"", "no device is called \"" + device.kind + "\"", ErrorKind::invalid};
    return request;
}

DeviceStatus status_of(Answer const& answer) {
    return {.device = {.kind = std::string{text_of(answer.device.kind)},
                       .domid = answer.device.domid,
                       .index = answer.device.index},
            .state = answer.state,
            .pid = answer.pid,
            .restarts = answer.restarts,
            .last_status = answer.status,
            .reason = std::string{text_of(answer.reason)}};
}
}  // namespace

Result<Client> Client::connect(std::string const& path) {
    return Client{TRY(connect_unix(path, SocketKind::records_without_waiting))};
}

Result<> Client::send(Request const& request) {
    if (::send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
        return lost(std::strerror(errno));
    return {};
}

Result<std::optional<Answer>> Client::receive(std::chrono::milliseconds limit) {
    auto const end = Clock::now() + limit;
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        int const ready = poll(&waiting, 1, static_cast<int>(std::max(left, 0ms).count()));
        if (ready < 0 && errno != EINTR) return lost(std::strerror(errno));
        if (ready > 0) break;
        if (ready == 0 && left <= 0ms) return std::optional<Answer>{};
    }
    Answer answer{};
    ssize_t const count = recv(socket_.get(), &answer, sizeof answer, 0);  // it is there
    if (count < 0) return lost(std::strerror(errno));
    if (count != sizeof answer || answer.version != version) return lost("it closed the connection");
    return std::optional{answer};
}

Result<Answer> Client::answer_to(What what, std::chrono::milliseconds limit) {
    auto const end = Clock::now() + limit;
    for (;;) {
        auto const left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
        std::optional<Answer> answer = TRY(receive(std::max(left, 0ms)));
        if (!answer) return Error{"talk to the supervisor", "no answer in time", ErrorKind::timed_out};
        if (answer->what == what || answer->what == What::end) return *answer;
    }
}

Result<> Client::ask(What what, Device const& device, std::chrono::milliseconds limit) {
    Request request = TRY(request_about(what, device));
    TRY(send(request));
    Answer answer = TRY(answer_to(what, limit));
    if (answer.failed != 0) return Error{"", std::string{text_of(answer.reason)}};
    return {};
}

Result<> Client::start(DeviceSpec const& spec, std::chrono::milliseconds limit) {
    Request request = TRY(request_about(What::start, spec.device));
    request.owner = spec.owner;
    std::string words;
    for (std::string const& word : spec.arguments) words += word + '\0';
    if (!put_text(request.log, spec.log) || !put_text(request.arguments, words))
        return Error{"", "too long a name or too many arguments", ErrorKind::invalid};
    TRY(send(request));
    Answer answer = TRY(answer_to(What::start, limit));
    if (answer.failed != 0) return Error{"", std::string{text_of(answer.reason)}};
    return {};
}

Result<> Client::stop(Device const& device, std::chrono::milliseconds limit) { return ask(What::stop, device, limit); }

Result<> Client::tell_to_stop(Device const& device) { return send(TRY(request_about(What::stop, device))); }

Result<> Client::restart(Device const& device, std::chrono::milliseconds limit) {
    return ask(What::restart, device, limit);
}

Result<std::vector<DeviceStatus>> Client::list(std::chrono::milliseconds limit) {
    return ask_for_all(What::list, limit);
}

Result<std::vector<DeviceStatus>> Client::watch(std::chrono::milliseconds limit) {
    return ask_for_all(What::watch, limit);
}

Result<std::vector<DeviceStatus>> Client::ask_for_all(What what, std::chrono::milliseconds limit) {
    Request request{};
    request.version = version;
    request.what = what;
    TRY(send(request));
    std::vector<DeviceStatus> devices;
    for (;;) {
        Answer answer = TRY(answer_to(what, limit));
        if (answer.what == What::end) return devices;
        devices.push_back(status_of(answer));
    }
}

Result<std::optional<DeviceStatus>> Client::next_event(std::chrono::milliseconds limit) {
    std::optional<Answer> answer = TRY(receive(limit));
    if (!answer || answer->what != What::event) return std::optional<DeviceStatus>{};
    return std::optional{status_of(*answer)};
}
}  // namespace paravane::supervisor
