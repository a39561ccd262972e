// SPDX-License-Identifier: MIT
// All devices, and the clients that ask for them. One thread, which waits for nobody: an answer that has to wait is
// sent when the device's state says so.
#pragma once
#include <list>
#include <map>
#include <memory>

#include "supervisor/device_process.hpp"

namespace paravane::supervisor {
class Server {
public:
    static constexpr std::size_t most_clients = 64;

    Server(EventLoop& loop, Places places) : loop_{loop}, places_{std::move(places)} {}
    Server(Server&&) = delete;

    // Devices that a former supervisor left, and then clients.
    Result<> start(OwnedFd listener);
    // What is due by now; when to look again.
    std::optional<Clock::time_point> look(Clock::time_point now);

    // Devices whose guest is gone are stopped. `is_present(domid, owner)`
    template <class IsPresent>
    void end_those_without_guest(IsPresent is_present) {
        for (auto& [id, device] : devices_) {
            if (!is_present(id.domid, device->request().owner)) device->stop();
        }
    }
    bool serves_any() const { return !devices_.empty(); }

private:
    // Waits for an answer about a device.
    struct Waiting {
        What what;
        DeviceId device;
    };
    struct Client {
        OwnedFd socket;
        bool watches = false;
        std::list<Waiting> waiting;
    };
    using Place = std::list<Client>::iterator;

    void accept_one();
    void hear(Place client);
    void handle(Client& client, Request const& request);
    void start_device(Client& client, Request const& request);
    void changed(DeviceProcess& device);
    std::unique_ptr<DeviceProcess> make_device(Request const& request, Kind const& kind);
    static void answer(Client& client, Answer const& answer);
    static void refuse(Client& client, Request const& request, std::string_view why);

    EventLoop& loop_;
    Places places_;
    OwnedFd listener_;
    std::list<Client> clients_;
    std::map<DeviceId, std::unique_ptr<DeviceProcess>> devices_;
};
}  // namespace paravane::supervisor
