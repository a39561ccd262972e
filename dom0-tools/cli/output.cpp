// SPDX-License-Identifier: MIT
#include "cli/output.hpp"

#include <grpcpp/client_context.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>

#include "os/io.hpp"

namespace paravane {
namespace {
bool wants_color() {
    char const* no_color = std::getenv("NO_COLOR");
    char const* terminal = std::getenv("TERM");
    return (no_color == nullptr || *no_color == '\0') && terminal != nullptr && std::string_view{terminal} != "dumb";
}
}  // namespace

Output::Output(Format format, ColorMode color)
    : format_{format},
      terminal_{isatty(STDOUT_FILENO) == 1},
      color_{color == ColorMode::always || (color == ColorMode::automatic && terminal_ && wants_color())} {}

bool Output::write(std::string_view text) {
    if (broken_) return false;
    Result<> const written = write_all(STDOUT_FILENO, text);
    if (written) return true;
    broken_ = true;
    closed_pipe_ = written.error().code == EPIPE;
    failure_ = written.error().message();
    return false;
}

std::string Output::colored(Color color, std::string_view text) const {
    char const* codes[] = {"0", "1", "31", "32", "33", "34"};
    if (!color_ || color == Color::plain) return std::string{text};
    return "\x1b[" + std::string{codes[static_cast<int>(color)]} + "m" + std::string{text} + "\x1b[0m";
}

CancelWhenUnread::CancelWhenUnread(grpc::ClientContext& context)
    : context_{context}, stop_{eventfd(0, EFD_CLOEXEC)}, thread_{[this] { watch(); }} {}

CancelWhenUnread::~CancelWhenUnread() {
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

void CancelWhenUnread::watch() {
    // Of a pipe that nobody reads, a socket or terminal that is gone, poll tells without being asked.
    pollfd waiting[] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                        {.fd = STDOUT_FILENO, .events = 0, .revents = 0}};
    while (poll(waiting, 2, -1) < 0 && errno == EINTR) {}
    if (waiting[0].revents != 0 || waiting[1].revents == 0) return;
    happened_ = true;
    context_.TryCancel();
}
}  // namespace paravane
