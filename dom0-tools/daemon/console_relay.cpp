// SPDX-License-Identifier: MIT
#include "daemon/console_relay.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "os/io.hpp"

namespace paravane {
namespace {
using namespace std::chrono_literals;

constexpr int look_at_client_ms = 200;
constexpr auto half_close_limit = 2s;
}  // namespace

void relay_console(grpc::ServerContext& context, ConsoleStream& stream, OwnedFd backend, std::string const& typed) {
    std::mutex mutex;
    std::condition_variable input_over;
    bool input_ended = false;
    // Reading blocks until the client closes its half or the call is cancelled.
    std::jthread input{[&] {
        v1::ConsoleInput message;
        bool alive = static_cast<bool>(send_all(backend.get(), typed));
        while (stream.Read(&message)) { alive = alive && send_all(backend.get(), message.data()); }
        std::scoped_lock lock{mutex};
        input_ended = true;
        input_over.notify_all();
    }};

    char buffer[16384];
    while (!context.IsCancelled()) {
        pollfd waiting{.fd = backend.get(), .events = POLLIN, .revents = 0};
        int ready = poll(&waiting, 1, look_at_client_ms);
        if (ready < 0 && errno != EINTR) break;
        if (ready <= 0) continue;
        ssize_t count = recv(backend.get(), buffer, sizeof buffer, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        v1::ConsoleOutput output;
        output.set_data(buffer, static_cast<std::size_t>(count));
        if (!stream.Write(output)) break;
    }
    v1::ConsoleOutput last;
    last.set_ended(true);
    stream.Write(last);
    shutdown(backend.get(), SHUT_RDWR);
    // The client answers "ended" by closing its half; one that does not is cut off.
    std::unique_lock lock{mutex};
    if (!input_over.wait_for(lock, half_close_limit, [&] { return input_ended; })) context.TryCancel();
}
}  // namespace paravane
