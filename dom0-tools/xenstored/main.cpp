// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "daemon.hpp"
#include "log.hpp"
#include "options.hpp"

namespace paravane::xenstored {
namespace {
// One descriptor for each socket client and one grant mapping for each domain.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

Result<> write_pid_file(std::string const& path) {
    if (path.empty()) return {};
    OwnedFd file{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (!file) return Error::from_errno("write " + path);
    std::string text = std::to_string(getpid()) + "\n";
    if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return Error::from_errno("write " + path);
    }
    return {};
}

// The first process waits for the word of the second that it is ready, so whoever starts the daemon may connect at
// once.
class Background {
public:
    // Returns in the daemon only, with the descriptor to report to.
    static Result<OwnedFd> enter() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno("make a pipe");
        OwnedFd ready{ends[0]};
        OwnedFd report{ends[1]};
        pid_t child = fork();
        if (child < 0) return Error::from_errno("fork");
        if (child == 0) {
            setsid();
            return report;
        }
        report = OwnedFd{};
        char status = 1;
        while (read(ready.get(), &status, 1) < 0 && errno == EINTR) {}
        _exit(status);
    }

    static void report_ready(OwnedFd report) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, standard);
        if (null > STDERR_FILENO) close(null);
        char status = 0;
        static_cast<void>(!write(report.get(), &status, 1));
    }
};

Result<> serve(Options const& options) {
    OwnedFd report;
    if (!options.foreground) report = TRY(Background::enter());
    raise_descriptor_limit();

    EventLoop loop = TRY(EventLoop::make());
    SocketListener listener = TRY(SocketListener::listen_at(socket_path()));
    std::unique_ptr<XenPlatform> xen;
    if (options.domains) xen = TRY(XenPlatform::open());
    Daemon daemon{std::move(loop), std::move(listener), std::move(xen), options.limits};
    TRY(daemon.start());
    TRY(write_pid_file(options.pid_file));
    if (report) {
        if (chdir("/") < 0) return Error::from_errno("change to /");
        log::open(log::Target::syslog);
        Background::report_ready(std::move(report));
    }
    Result<> served = daemon.run();
    if (!options.pid_file.empty()) unlink(options.pid_file.c_str());
    return served;
}
}  // namespace
}  // namespace paravane::xenstored

int main(int argc, char** argv) {
    using namespace paravane;
    Result<xenstored::Options> options = xenstored::parse_options(argc, argv);
    if (!options) {
        xenstored::log::error(options.error().message());
        return 2;
    }
    if (options->help) {
        std::fputs(xenstored::help_text, stdout);
        return 0;
    }
    try {
        if (Result<> served = xenstored::serve(*options); !served) {
            xenstored::log::error(served.error().message());
            return 1;
        }
    } catch (std::exception const& exception) {
        xenstored::log::error(exception.what());  // no memory: nothing else throws
        return 1;
    }
    return 0;
}
