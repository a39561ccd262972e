// SPDX-License-Identifier: MIT
// paravaned: serves the control interface on a Unix socket. It may be killed and started again at any time: domains,
// their consoles and xenstored live on without it, and it finds them again.
#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <filesystem>
#include <thread>

#include "backend/supervisor_protocol.hpp"
#include "daemon/console_relay.hpp"
#include "daemon/engine.hpp"
#include "daemon/peers.hpp"
#include "daemon/service_devices.hpp"
#include "daemon/service_domains.hpp"
#include "daemon/service_others.hpp"
#include "os/io.hpp"
#include "os/log.hpp"

namespace {
namespace log = paravane::log;
using namespace std::chrono_literals;
using paravane::Engine;
using paravane::Error;
using paravane::Hypervisor;
using paravane::Result;

constexpr int largest_request = 256 << 10;
constexpr auto health_every = 500ms;

struct Options {
    std::string socket = "/run/paravane/paravaned.sock";
    std::string run_folder = "/run/paravane";
    std::string console_logs = "/var/log/paravane";
    std::string supervisor = paravane::supervisor::default_socket;
    std::string state_folder = "/var/lib/paravane/domains";
    paravane::ImageSettings images;
    std::vector<std::string> disk_folders{paravane::supervisor::default_disk_folder}, disk_devices;
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

// Which start of the host this is.
std::string boot_id() {
    paravane::OwnedFd file{open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)};
    std::string text = file ? paravane::read_to_end(file.get(), 64) : "";
    return text.substr(0, text.find('\n'));
}

// SERVING only while the hypervisor and the store answer; "" is for whether we do.
class Health {
public:
    Health(Engine& engine, grpc::HealthCheckServiceInterface& service) : engine_{engine}, service_{service} { look(); }

private:
    void look() {
        bool hypervisor = static_cast<bool>(engine_.hypervisor_version());
        bool store = engine_.store().answers();
        for (char const* name :
             {paravane::v1::Domains::service_full_name(), paravane::v1::Consoles::service_full_name(),
              paravane::v1::Devices::service_full_name()})
            service_.SetServingStatus(name, hypervisor && store);
        service_.SetServingStatus(paravane::v1::Store::service_full_name(), store);
        service_.SetServingStatus(paravane::v1::Host::service_full_name(), hypervisor);
        for (char const* name :
             {paravane::v1::Operations::service_full_name(), paravane::v1::Events::service_full_name()})
            service_.SetServingStatus(name, true);
        engine_.later(health_every, [this] { look(); });
    }

    Engine& engine_;
    grpc::HealthCheckServiceInterface& service_;
};

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
    // Above the state folder others have images, which are read as another user.
    if (!make_folder(std::filesystem::path{options.state_folder}.parent_path().string())) return 1;
    umask(0077);

    std::string folder = std::filesystem::path{options.socket}.parent_path().string();
    if (!make_folder(folder) || !make_folder(options.run_folder) || !make_folder(options.state_folder)) return 1;

    Result<paravane::RecordStore> records = paravane::RecordStore::open(options.state_folder);
    if (!records) return fail(records.error().message());
    Result<Hypervisor> hypervisor = Hypervisor::open();
    if (!hypervisor) return fail(hypervisor.error().message());
    paravane::EngineSettings settings;
    settings.devices = {.supervisor = options.supervisor,
                        .run_folder = options.run_folder,
                        .log_folder = options.console_logs,
                        .disk_folders = options.disk_folders,
                        .disk_devices = options.disk_devices};
    settings.images = options.images;
    if (settings.images.program.empty()) settings.images.program = beside_ourselves("pvunpack");
    settings.boot = boot_id();
    Engine engine{*std::move(hypervisor), *std::move(records), settings};
    Result<> started = engine.start();
    if (!started) return fail(started.error().message());
    auto pump = paravane::ConsolePump::make();
    if (!pump) return fail(pump.error().message());

    paravane::Peers peers;
    paravane::DomainsService domains{engine, peers};
    paravane::OperationsService operations{engine, peers};
    paravane::EventsService events{engine, peers};
    paravane::HostService host{engine, peers};
    paravane::DevicesService devices{engine, peers};
    paravane::StoreService store{engine, peers};
    paravane::ConsolesService consoles{engine, peers, **pump};
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(largest_request);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{&domains, &operations, &events, &host, &devices, &store, &consoles})
        builder.RegisterService(service);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) return fail("cannot serve");
    Health health{engine, *server->GetHealthCheckService()};
    Result<> listening = peers.listen(options.socket, *server);
    if (!listening) return fail(listening.error().message());
    log::info("serving at " + options.socket);

    int signal_number = 0;
    sigwait(&signals, &signal_number);
    log::info("ending");
    engine.announce_end();
    peers.stop();
    server->Shutdown(std::chrono::system_clock::now() + 2s);
    server->Wait();
    engine.stop();
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
    app.add_option("--socket", options.socket, "Where clients connect")->capture_default_str();
    app.add_option("--run-folder", options.run_folder, "Where the supervisor has the sockets of consoles")
        ->capture_default_str();
    app.add_option("--console-logs", options.console_logs, "Where the supervisor has what guests print; \"\" for none")
        ->capture_default_str();
    app.add_option("--supervisor", options.supervisor, "Socket of the supervisor of device backends")
        ->capture_default_str();
    app.add_option("--state-folder", options.state_folder, "For what is wanted of each domain")->capture_default_str();
    app.add_option("--image-folder", options.images.folders,
                   "Kernels and initrds are read below these folders only; may be given more than once")
        ->capture_default_str();
    app.add_option("--image-user", options.images.user, "Who reads them, if we are root")->capture_default_str();
    app.add_option("--image-reader", options.images.program, "The pvunpack to start (default: beside this program)");
    app.add_option("--disk-folder", options.disk_folders,
                   "Guests' disks are files below these folders only: as the supervisor has it, who opens them")
        ->capture_default_str();
    app.add_option("--disk-device", options.disk_devices, "Or block devices of such names, as the supervisor has it");
    app.set_version_flag("--version", PARAVANE_VERSION);
    app.footer("Exit codes: 0 ended by SIGTERM or SIGINT, 1 failed, 2 wrong usage.");
    try {
        app.parse(argc, argv);
    } catch (CLI::ParseError const& error) { return app.exit(error) == 0 ? 0 : 2; }
    return serve(options);
}
