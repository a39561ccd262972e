// SPDX-License-Identifier: MIT
// paravane-supervisor: starts device backends, each as a user of its own, and starts them again when they end. Neither
// paravaned nor xenstored need live for that; and when the supervisor itself ends, its backends go on, and the next
// one, which a keeper starts, finds them.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "os/background.hpp"
#include "os/command_line.hpp"
#include "os/log.hpp"
#include "os/unix_socket.hpp"
#include "supervisor/guests.hpp"
#include "supervisor/keeper.hpp"
#include "supervisor/server.hpp"

namespace {
using namespace paravane;
using supervisor::Clock;
using supervisor::Guests;
using supervisor::Places;
using supervisor::Server;

struct Options {
    std::string socket = supervisor::default_socket;
    Places places;
    bool foreground = false, without_guests = false;
};

Options parse(int argc, char** argv) {
    Options chosen;
    Places& places = chosen.places;
    std::error_code none;
    places.programs = std::filesystem::read_symlink("/proc/self/exe", none).parent_path().string();
    CommandLine const line{
        .program = "paravane-supervisor",
        .usage = "[options]",
        .about = "Starts the backends of guests' devices and keeps them alive; serves paravaned on a Unix socket.\n",
        .options =
            {{"socket", "PATH", "where (default /run/paravane/supervisor.sock); only this user may", &chosen.socket},
             {"run-folder", "PATH", "for what it keeps of devices, and sockets of consoles (default /run/paravane)",
              &places.run_folder},
             {"log-folder", "PATH", "for what guests print (default /var/log/paravane); \"\" for no log that lasts",
              &places.log_folder},
             {"programs", "PATH", "folder of the backends (default: that of this program)", &places.programs},
             {"devices", "PATH", "folder of evtchn and gntdev (default /dev/xen)", &places.devices},
             {"disk-folder", "PATH",
              "guests' disks are files below such folders only; may be given more than once (default "
              "/var/lib/paravane/disks)",
              &places.disk_folders},
             {"disk-device", "PATTERN",
              "or block devices with such a name: '/dev/guests/*'; may be given more than once (default: none)",
              &places.disk_devices},
             {"without-guests", "",
              "does not ask the hypervisor which guests there are: devices end when they are stopped",
              &chosen.without_guests},
             {"foreground", "", "stay attached to the caller", &chosen.foreground}},
        .exit_codes = "0 ready (in the background), or ended by SIGTERM or SIGINT, 1 failed, 2 wrong usage"};
    line.parse(argc, argv);
    if (places.disk_folders.empty()) places.disk_folders = {supervisor::default_disk_folder};
    return chosen;
}

Result<> make_folder(std::string const& path) {
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (!std::filesystem::is_directory(path)) return Error{"make the folder " + path, failure.message()};
    return {};
}

void end_those_without_guest(Server& server, Guests& guests) {
    if (!server.serves_any()) return;
    Result<std::vector<DomainInfo>> present = guests.present();
    if (!present) return log::error(present.error().message());
    server.end_those_without_guest([&](std::uint16_t domid, DomainHandle const& owner) {
        auto const found = std::ranges::find(*present, domid, &DomainInfo::id);
        return found != present->end() && (owner == DomainHandle{} || owner == found->handle);
    });
}

void log_to_syslog() { log::open("paravane-supervisor", log::Target::syslog); }

Result<> serve(Options const& options, std::function<Result<>()> const& say_ready) {
    EventLoop loop = TRY(EventLoop::make());
    Server server{loop, options.places};
    bool look_at_guests = true;
    std::optional<Guests> guests;
    if (!options.without_guests) {
        Hypervisor hypervisor = TRY(Hypervisor::open());
        guests.emplace(loop, std::move(hypervisor), [&] { look_at_guests = true; });
    }
    OwnedFd listener = TRY(listen_unix(options.socket, 8, SocketKind::records));
    TRY(server.start(std::move(listener)));
    if (!options.foreground) {
        log_to_syslog();
        TRY(Background::leave_terminal());
    }
    TRY(say_ready());
    auto next_look = Clock::now();
    for (;;) {
        auto const now = Clock::now();
        if (guests && (look_at_guests || now >= next_look)) {
            guests->listen();
            end_those_without_guest(server, *guests);
            look_at_guests = false;
            next_look = now + Guests::now_and_then;
        }
        std::optional<Clock::time_point> due = server.look(now);
        if (guests && server.serves_any()) due = due ? std::min(*due, next_look) : next_look;
        std::optional<std::chrono::milliseconds> limit;
        if (due)
            limit = std::max(std::chrono::ceil<std::chrono::milliseconds>(*due - Clock::now()),
                             std::chrono::milliseconds{0});
        TRY(loop.wait(limit));
    }
}

Result<> run(Options const& options) {
    TRY(make_folder(options.places.run_folder));
    if (!options.places.log_folder.empty()) TRY(make_folder(options.places.log_folder));
    std::optional<Background> background;
    if (!options.foreground) background = TRY(Background::enter());
    auto const serve_as_child = [&](auto const& say_ready) {
        background.reset();  // the keeper alone reports
        return serve(options, say_ready);
    };
    return supervisor::keep(serve_as_child, [&]() -> Result<> {
        if (!background) return {};
        log_to_syslog();
        return std::move(*background).report_ready();
    });
}
}  // namespace

int main(int argc, char** argv) {
    log::open("paravane-supervisor");
    Options const options = parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    Result<> const served = run(options);
    if (served) return 0;
    log::error(served.error().message());
    return 1;
}
