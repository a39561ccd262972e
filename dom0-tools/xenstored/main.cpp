// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>

#include "daemon.hpp"
#include "holder.hpp"
#include "options.hpp"
#include "os/background.hpp"
#include "os/io.hpp"
#include "os/log.hpp"
#include "xenstore/socket_path.hpp"

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
    Result<> written = write_all(file.get(), std::to_string(getpid()) + "\n");
    if (!written) return std::move(written).error().within("write " + path);
    return written;
}

// The process that parses and executes. It ends with an error or by a signal, and another one goes on.
Result<> serve_clients(Options const& options, Held held, OwnedFd const& memory,
                       std::optional<Background>& background) {
    prctl(PR_SET_NAME, "xenstored-serve");
    EventLoop loop = TRY(EventLoop::make());
    JournalMemory journal = TRY(JournalMemory::map(memory));
    std::unique_ptr<XenPlatform> xen;
    if (options.domains) xen = TRY(XenPlatform::open());
    Daemon daemon{std::move(loop), std::move(held), std::move(journal), std::move(xen), options.limits};
    TRY(daemon.start());
    if (background) {
        log::open("xenstored", log::Target::syslog);
        TRY(Background::leave_terminal());
        background.reset();
    }
    TRY(daemon.say_ready());
    return daemon.run();
}

Result<> serve(Options const& options) {
    std::optional<Background> background;
    if (!options.foreground) background = TRY(Background::enter());
    raise_descriptor_limit();

    SocketListener listener = TRY(SocketListener::listen_at(std::filesystem::absolute(xenstore_socket_path())));
    OwnedFd memory = TRY(JournalMemory::make());
    Holder holder{std::move(listener), std::move(memory), [&](Held held, OwnedFd const& journal) {
                      try {
                          Result<> served = serve_clients(options, std::move(held), journal, background);
                          log::error(served.error().message());
                      } catch (std::exception const& exception) {
                          log::error(exception.what());  // no memory, or a journal that is not ours
                      }
                      return 1;
                  }};
    Result<> held = holder.run([&]() -> Result<> {
        TRY(write_pid_file(options.pid_file));
        if (!background) return {};
        log::open("xenstored", log::Target::syslog);
        TRY(std::move(*background).report_ready());
        background.reset();
        return {};
    });
    if (!options.pid_file.empty()) unlink(options.pid_file.c_str());
    return held;
}
}  // namespace
}  // namespace paravane::xenstored

int main(int argc, char** argv) {
    using namespace paravane;
    paravane::log::open("xenstored");
    Result<xenstored::Options> options = xenstored::parse_options(argc, argv);
    if (!options) {
        paravane::log::error(options.error().message());
        return 2;
    }
    if (options->help) {
        std::fputs(xenstored::help_text, stdout);
        return 0;
    }
    try {
        if (Result<> served = xenstored::serve(*options); !served) {
            paravane::log::error(served.error().message());
            return 1;
        }
    } catch (std::exception const& exception) {
        paravane::log::error(exception.what());  // no memory: nothing else throws
        return 1;
    }
    return 0;
}
