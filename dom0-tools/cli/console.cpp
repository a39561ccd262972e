// SPDX-License-Identifier: MIT
#include "cli/console.hpp"

#include <grpcpp/client_context.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>
#include <thread>

#include "os/io.hpp"
#include "os/owned_fd.hpp"

namespace paravane {
namespace {
constexpr char escape = 0x1d;  // Ctrl-]

// The terminal hands every key through; put back as it was when this goes, or a signal ends us.
class RawTerminal {
public:
    RawTerminal() {
        if (tcgetattr(STDIN_FILENO, &before_) < 0) return;
        for (int number : {SIGTERM, SIGHUP, SIGINT, SIGQUIT}) std::signal(number, restore_and_end);
        termios raw = before_;
        cfmakeraw(&raw);
        raw.c_oflag |= OPOST;  // the guest's line ends come as they are, ours need a carriage return
        active_ = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    RawTerminal(RawTerminal const&) = delete;
    RawTerminal& operator=(RawTerminal const&) = delete;
    ~RawTerminal() {
        if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }

private:
    static void restore_and_end(int number) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        std::signal(number, SIG_DFL);
        std::raise(number);
    }

    static inline termios before_{};
    bool active_ = false;
};

using Stream = grpc::ClientReaderWriterInterface<v1::ConsoleInput, v1::ConsoleOutput>;

// Carries what is typed until standard input ends, the user escapes, or `stop` becomes readable. Closes our half.
class Typist {
public:
    Typist(Stream& stream, grpc::ClientContext& context, bool terminal)
        : stream_{stream}, context_{context}, terminal_{terminal}, stop_{eventfd(0, EFD_CLOEXEC)}, thread_{[this] {
              run();
          }} {}
    ~Typist() {
        eventfd_write(stop_.get(), 1);
        thread_.join();
    }

    bool escaped() const { return escaped_; }

private:
    void run() {
        bool input_open = true;
        while (input_open) {
            pollfd waiting[] = {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
            if (poll(waiting, 2, -1) < 0 && errno != EINTR) break;
            if (waiting[1].revents != 0) break;
            if (waiting[0].revents != 0) input_open = carry();
        }
        if (escaped_) {
            context_.TryCancel();
            return;
        }
        // At the end of piped input the guest goes on; only the end of the session closes our half.
        pollfd end{.fd = stop_.get(), .events = POLLIN, .revents = 0};
        while (poll(&end, 1, -1) < 0 && errno == EINTR) {}
        stream_.WritesDone();
    }

    // False at the end of input.
    bool carry() {
        char buffer[1024];
        ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) return true;
        if (count <= 0) return false;
        std::string_view typed{buffer, static_cast<std::size_t>(count)};
        if (terminal_) {
            std::size_t at = typed.find(escape);
            escaped_ = at != std::string_view::npos;
            typed = typed.substr(0, at);
        }
        if (!typed.empty()) {
            v1::ConsoleInput input;
            input.set_data(std::string{typed});
            if (!stream_.Write(input)) return false;
        }
        return !escaped_;
    }

    Stream& stream_;
    grpc::ClientContext& context_;
    bool terminal_;
    OwnedFd stop_;
    std::atomic<bool> escaped_ = false;
    std::thread thread_;
};

// Prints until the domain ends, the user escapes, or nobody takes our output any more.
bool follow(Stream& stream, grpc::ClientContext& context) {
    v1::ConsoleOutput output;
    while (stream.Read(&output)) {
        if (!write_all(STDOUT_FILENO, output.data())) {
            context.TryCancel();
            return false;
        }
        if (output.ended()) return true;
    }
    return false;
}
}  // namespace

ExitCode run_console(Client& client, std::string const& name, std::function<ExitCode()> const& attached) {
    std::string operation = "console " + name;
    grpc::ClientContext context;
    std::unique_ptr<Stream> stream = client.service().Console(&context);
    v1::ConsoleInput first;
    first.set_name(name);
    if (stream->Write(first)) stream->WaitForInitialMetadata();
    ExitCode begun = attached();
    if (begun != ExitCode::success) {
        context.TryCancel();
        stream->Finish();
        return begun;
    }

    bool terminal = isatty(STDIN_FILENO) == 1;
    bool ended = false, escaped = false;
    if (terminal) std::fprintf(stderr, "Console of %s; Ctrl-] leaves it.\n", name.c_str());
    {
        std::optional<RawTerminal> raw;
        if (terminal) raw.emplace();
        Typist typist{*stream, context, terminal};
        ended = follow(*stream, context);
        escaped = typist.escaped();
    }
    grpc::Status status = stream->Finish();
    if (terminal && (ended || escaped))
        std::fprintf(stderr, "\n%s\n", ended ? "The domain has ended." : "Console left.");
    if (ended || escaped) return ExitCode::success;
    return client.complain(status, operation);
}
}  // namespace paravane
