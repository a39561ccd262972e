// SPDX-License-Identifier: MIT
// The service Consoles: carries each call between its client and the socket of a console backend. One thread serves all
// of them; what a guest does not read holds up its own client only.
#pragma once
#include <paravane/v1/consoles.grpc.pb.h>

#include <deque>
#include <mutex>
#include <thread>

#include "daemon/service_calls.hpp"
#include "os/event_loop.hpp"

namespace paravane {
// A thread with an event loop, and tasks for it.
class ConsolePump {
public:
    static Result<std::unique_ptr<ConsolePump>> make();
    ~ConsolePump();

    void post(std::function<void()> task);
    EventLoop& loop() { return loop_; }  // for tasks

private:
    ConsolePump(EventLoop loop, OwnedFd wake) : loop_{std::move(loop)}, wake_{std::move(wake)} {}
    void run(std::stop_token const& stop);

    EventLoop loop_;
    OwnedFd wake_;
    std::mutex mutex_;
    std::deque<std::function<void()>> tasks_;
    std::jthread thread_;
};

class ConsolesService final : public v1::Consoles::CallbackService {
public:
    ConsolesService(Engine& engine, Peers const& peers, ConsolePump& pump) : edge_{engine, peers}, pump_{pump} {}

    grpc::ServerBidiReactor<v1::AttachConsoleRequest, v1::AttachConsoleResponse>* AttachConsole(
        grpc::CallbackServerContext*) override;
    grpc::ServerWriteReactor<v1::ReadConsoleLogResponse>* ReadConsoleLog(grpc::CallbackServerContext*,
                                                                         v1::ReadConsoleLogRequest const*) override;

private:
    Edge edge_;
    ConsolePump& pump_;
};
}  // namespace paravane
