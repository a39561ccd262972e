// SPDX-License-Identifier: MIT
#include "cli/mutation.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/render.hpp"
#include "os/io.hpp"

namespace paravane {
namespace {
constexpr std::chrono::hours longest_wait{24};  // the API's limit

std::size_t terminal_width() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}
}  // namespace

std::string random_uuid() {
    std::array<unsigned char, 16> bytes{};
    while (getrandom(bytes.data(), bytes.size(), 0) < 0) {}
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4, variant 1
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text;
    constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
    }
    return text;
}

v1::Mutation make_mutation(Line const& line, bool waits) {
    v1::Mutation mutation;
    mutation.set_request_id(line.text("request-id", random_uuid()));
    mutation.set_validate_only(line.has("dry-run"));
    mutation.set_manager(line.text("manager"));
    mutation.set_override_manager(line.has("override-manager"));
    bool const wait =
        line.has("wait") || (line.has("timeout") && !line.has("no-wait")) || (waits && !line.has("no-wait"));
    // A call that waits ends by its deadline, which takes back what can be taken back; without one, by the API's limit.
    if (wait) *mutation.mutable_wait() = to_message(longest_wait);
    return mutation;
}

Progress::Progress(Session& session, std::string what, v1::Mutation const& mutation) {
    if (isatty(STDERR_FILENO) != 1 || !session.is_text() || !mutation.has_wait()) return;
    mode_.emplace(TerminalMode::Kind::quiet);
    stop_ = OwnedFd{eventfd(0, EFD_CLOEXEC)};
    std::shared_ptr<v1::Operations::Stub> stub = session.service<v1::Operations>();
    thread_ = std::thread{[this, stub, what = std::move(what), id = mutation.request_id()] { run(*stub, what, id); }};
}

Progress::~Progress() {
    if (!thread_.joinable()) return;
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

void Progress::run(v1::Operations::Stub& stub, std::string const& what, std::string const& request_id) {
    auto const begin = std::chrono::steady_clock::now();
    bool shown = false;
    pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
    while (poll(&stop, 1, 1000) == 0) {
        v1::ListOperationsRequest request;
        request.set_pending_only(true);
        v1::ListOperationsResponse response;
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds{1});
        std::string step;
        if (stub.ListOperations(&context, request, &response).ok())
            for (v1::Operation const& operation : response.operations())
                if (operation.request_id() == request_id) step = printable(operation.step());
        auto const seconds =
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin).count();
        std::string const line = printable(what) + ": " + std::to_string(seconds) + " s" + (step.empty() ? "" : ", ");
        shown = true;
        if (!write_all(STDERR_FILENO, clear_line + first_columns(line + step, terminal_width() - 1))) return;
    }
    if (shown) (void)static_cast<bool>(write_all(STDERR_FILENO, clear_line));
}

ExitCode judge(Session& session, grpc::Status const& status, v1::Operation const& operation, std::string const& what,
               v1::Mutation const& mutation) {
    if (!status.ok()) return session.fail(status, what);
    if (operation.has_error()) return session.fail(operation.error(), what);
    if (mutation.has_wait() && !mutation.validate_only() && !operation.done())
        return session.refuse(Error{"", "not done in time; it goes on as operation " + operation.uid()}, what,
                              ExitCode::timed_out);
    return ExitCode::success;
}
}  // namespace paravane
