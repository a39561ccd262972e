// SPDX-License-Identifier: MIT
// paravaned: serves the control interface on a Unix socket. It may be killed and started again at any time: domains,
// their consoles and xenstored live on without it, and it finds them again.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "daemon/domain_manager.hpp"
#include "daemon/end_watcher.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/service.hpp"
#include "os/log.hpp"

namespace {
namespace log = paravane::log;
using namespace std::chrono_literals;
using paravane::DomainManager;
using paravane::Error;
using paravane::EventHub;
using paravane::Hypervisor;
using paravane::Result;

struct Options {
    std::string socket = "/run/paravane/paravaned.sock";
    std::string run_folder = "/run/paravane";
    std::string console_logs = "/var/log/paravane";
    std::string console_program;
    paravane::ImageSettings images;
};

std::string beside_ourselves(char const* name) {
    std::error_code none;
    std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
    return (self.parent_path() / name).string();
}

bool make_folder(std::string const& path) {
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (!std::filesystem::is_directory(path)) {
        log::error("make the folder " + path + ": " + failure.message());
        return false;
    }
    return true;
}

// At boot we may be earlier than xenstored.
Result<> adopt_when_possible(DomainManager& manager) {
    constexpr auto patience = 60s;
    auto limit = std::chrono::steady_clock::now() + patience;
    bool told = false;
    for (;;) {
        Result<> adopted = manager.adopt();
        if (adopted || std::chrono::steady_clock::now() > limit) return adopted;
        if (!told) log::error("waiting: " + adopted.error().message());
        told = true;
        std::this_thread::sleep_for(100ms);
    }
}

int fail(std::string const& message) {
    log::error(message);
    return 1;
}

int serve(Options const& options) {
    // Signals are taken by sigwait below; every thread started from here on inherits the mask.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    umask(0077);

    std::string folder = std::filesystem::path{options.socket}.parent_path().string();
    if (!make_folder(folder) || !make_folder(options.run_folder)) return 1;
    if (!options.console_logs.empty() && !make_folder(options.console_logs)) return 1;

    Result<Hypervisor> hypervisor = Hypervisor::open();
    if (!hypervisor) return fail(hypervisor.error().message());
    EventHub events;
    paravane::ImageSettings images = options.images;
    if (images.program.empty()) images.program = beside_ourselves("pvunpack");
    DomainManager manager{
        *std::move(hypervisor),
        {.program = options.console_program.empty() ? beside_ourselves("pvconsoled") : options.console_program,
         .run_folder = options.run_folder,
         .log_folder = options.console_logs},
        std::move(images),
        events};
    Result<> adopted = adopt_when_possible(manager);
    if (!adopted) return fail(adopted.error().message());
    paravane::EndWatcher watcher{manager};

    paravane::HypervisorService service{manager, events};
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + options.socket, grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) return fail("cannot listen at " + options.socket);
    server->GetHealthCheckService()->SetServingStatus(paravane::v1::Hypervisor::service_full_name(), true);
    if (chmod(options.socket.c_str(), 0600) < 0) return fail(Error::from_errno("protect " + options.socket).message());
    log::info("serving at " + options.socket);

    int signal_number = 0;
    sigwait(&signals, &signal_number);
    log::info("ending");
    service.stop();
    server->Shutdown(std::chrono::system_clock::now() + 2s);
    return 0;
}
}  // namespace

int main(int argc, char** argv) {
    log::open("paravaned");
    Options options;
    CLI::App app{"Serves the control interface of this Paravane host on a Unix socket.", "paravaned"};
    app.failure_message([](CLI::App const*, CLI::Error const& error) {
        return std::string{"paravaned: "} + error.what() + "\nRun with --help for more information.\n";
    });
    app.add_option("--socket", options.socket, "Where clients connect; only this user may")->capture_default_str();
    app.add_option("--run-folder", options.run_folder, "For the sockets of consoles")->capture_default_str();
    app.add_option("--console-logs", options.console_logs, "Folder for what guests print; \"\" for none")
        ->capture_default_str();
    app.add_option("--console-backend", options.console_program,
                   "The pvconsoled to start (default: beside this program)");
    app.add_option("--image-folder", options.images.folders,
                   "Kernels and initrds are read below these folders only; may be given more than once")
        ->capture_default_str();
    app.add_option("--image-user", options.images.user, "Who reads them, if we are root")->capture_default_str();
    app.add_option("--image-reader", options.images.program, "The pvunpack to start (default: beside this program)");
    app.set_version_flag("--version", PARAVANE_VERSION);
    app.footer("Exit codes: 0 ended by SIGTERM or SIGINT, 1 failed, 2 wrong usage.");
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) { return app.exit(error) == 0 ? 0 : 2; }
    return serve(options);
}
