// SPDX-License-Identifier: MIT
// A client of the supervisor of device backends. Cheap to open, so each user has its own; not for several threads.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/supervisor_protocol.hpp"
#include "os/error.hpp"
#include "os/owned_fd.hpp"

namespace paravane::supervisor {
struct Device {
    std::string kind;
    std::uint16_t domid = 0;
    std::uint32_t index = 0;

    bool operator==(Device const&) const = default;
};

struct DeviceSpec {
    Device device;
    std::array<std::uint8_t, 16> owner{};  // the domain's uuid
    std::string log;                       // name of the log; empty: none that lasts
    std::vector<std::string> arguments;    // for the backend's command line
};

struct DeviceStatus {
    Device device;
    State state = State::gone;
    int pid = 0;
    std::uint32_t restarts = 0;
    int last_status = 0;
    std::string reason;
};

class Client {
public:
    // One that does not accept is not waited for.
    static Result<Client> connect(std::string const& path = default_socket);

    // They return when the backend serves, has ended, or serves again; unavailable: the supervisor is gone.
    Result<> start(DeviceSpec const& spec, std::chrono::milliseconds limit);
    Result<> stop(Device const& device, std::chrono::milliseconds limit);
    // The same without an answer: it is told, and does it however long that takes.
    Result<> tell_to_stop(Device const& device);
    Result<> restart(Device const& device, std::chrono::milliseconds limit);
    Result<std::vector<DeviceStatus>> list(std::chrono::milliseconds limit);

    // The devices that are there; what happens to them from then on comes from next_event().
    Result<std::vector<DeviceStatus>> watch(std::chrono::milliseconds limit);
    int fd() const { return socket_.get(); }
    Result<std::optional<DeviceStatus>> next_event(std::chrono::milliseconds limit);

private:
    explicit Client(OwnedFd socket) : socket_{std::move(socket)} {}

    Result<> send(Request const& request);
    Result<std::optional<Answer>> receive(std::chrono::milliseconds limit);
    Result<Answer> answer_to(What what, std::chrono::milliseconds limit);
    Result<> ask(What what, Device const& device, std::chrono::milliseconds limit);
    Result<std::vector<DeviceStatus>> ask_for_all(What what, std::chrono::milliseconds limit);

    OwnedFd socket_;
};
}  // namespace paravane::supervisor
