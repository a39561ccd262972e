// SPDX-License-Identifier: MIT
#include "cli/typist.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

namespace paravane {
namespace {
constexpr std::size_t most_waiting = std::size_t{64} << 10;
constexpr std::size_t most_at_once = 4096;
}  // namespace

Typist::Typist(Stream& stream, grpc::ClientContext& context, std::optional<char> escape, bool terminal, bool discard)
    : stream_{stream},
      context_{context},
      escape_{escape},
      terminal_{terminal},
      discard_{discard},
      stop_{eventfd(0, EFD_CLOEXEC)},
      reader_{[this] { read_keys(); }},
      sender_{[this] { send_keys(); }} {}

Typist::~Typist() {
    eventfd_write(stop_.get(), 1);
    {
        std::scoped_lock lock{mutex_};
        over_ = true;
    }
    changed_.notify_all();
    reader_.join();
    sender_.join();
}

void Typist::read_keys() {
    bool open = true;
    while (open) {
        pollfd waiting[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                            {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
        if (poll(waiting, 2, -1) < 0 && errno != EINTR) break;
        if (waiting[1].revents != 0) break;
        if (waiting[0].revents != 0) open = take_keys();
    }
    // At the end of piped input the guest goes on; only the end of the session closes our half.
    if (escaped_) context_.TryCancel();
}

bool Typist::take_keys() {
    char buffer[most_at_once];
    ssize_t const count = read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) return true;
    if (count <= 0) return false;
    std::string_view typed{buffer, static_cast<std::size_t>(count)};
    if (terminal_ && escape_) {
        std::size_t const at = typed.find(*escape_);
        escaped_ = at != std::string_view::npos;
        typed = typed.substr(0, at);
    }
    if (!discard_) {
        std::unique_lock lock{mutex_};
        // A pipe waits; keys that nobody takes are lost after so many, for behind them may be the escape.
        if (!terminal_) changed_.wait(lock, [&] { return over_ || waiting_.size() + typed.size() <= most_waiting; });
        if (waiting_.size() + typed.size() <= most_waiting) waiting_ += typed;
        changed_.notify_all();
    }
    return !escaped_;
}

void Typist::send_keys() {
    for (;;) {
        v1::AttachConsoleRequest request;
        {
            std::unique_lock lock{mutex_};
            changed_.wait(lock, [&] { return over_ || !waiting_.empty(); });
            if (over_) break;
            request.set_data(waiting_.substr(0, most_at_once));
            waiting_.erase(0, most_at_once);
            changed_.notify_all();
        }
        sending_ = true;
        if (!stream_.Write(request)) return;
        sending_ = false;
    }
    stream_.WritesDone();
}
}  // namespace paravane
