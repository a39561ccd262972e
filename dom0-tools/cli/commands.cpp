// SPDX-License-Identifier: MIT
#include "cli/commands.hpp"

#include <grpcpp/client_context.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "api/messages.hpp"
#include "cli/console.hpp"
#include "domain/config.hpp"

namespace paravane {
namespace {
using grpc::ClientContext;
using grpc::Status;

constexpr std::size_t largest_domain_file = std::size_t{1} << 20;  // far beyond need: what is read may never end

v1::DomainRef reference(std::string const& name) {
    v1::DomainRef ref;
    ref.set_name(name);
    return ref;
}

v1::ShutdownRequest request_end(std::string const& name, double wait_seconds) {
    v1::ShutdownRequest request;
    request.set_name(name);
    request.set_wait_ns(static_cast<std::uint64_t>(wait_seconds * 1e9));
    return request;
}

// Does it to each, and goes on after a failure; the first failure decides the exit code.
template <class Action>
ExitCode for_each(std::vector<std::string> const& names, Action action) {
    ExitCode worst = ExitCode::success;
    for (std::string const& name : names) {
        ExitCode code = action(name);
        if (worst == ExitCode::success) worst = code;
    }
    return worst;
}

Result<DomainSpec> read_domain_file(std::string const& path) {
    std::ifstream file{path};
    file.peek();  // a folder can be opened, but not read
    if (!file.is_open() || file.bad()) return Error::from_errno("read " + path);
    std::string text(largest_domain_file + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > largest_domain_file) return Error{"read " + path, "it is larger than 1 MiB", ErrorKind::invalid};
    std::string folder = std::filesystem::absolute(path).parent_path().string();
    return parse_domain_file(text, path, folder);
}
}  // namespace

void Commands::print(std::string const& table, google::protobuf::Message const& message) const {
    std::fputs((format_ == OutputFormat::json ? render_json(message) : table).c_str(), stdout);
    std::fflush(stdout);
}

ExitCode Commands::create(CreateOptions const& options) {
    Result<DomainSpec> spec = read_domain_file(options.file);
    if (!spec) {
        std::fprintf(stderr, "pvctl: create: %s\n", spec.error().message().c_str());
        return ExitCode::invalid;
    }
    v1::CreateDomainRequest request;
    *request.mutable_spec() = to_message(*spec);
    // With the console nothing runs before it is attached: even a guest that ends at once is seen in full.
    request.set_paused(options.paused || options.console);
    ClientContext context;
    v1::Domain domain;
    Status status = client_.service().CreateDomain(&context, request, &domain);
    if (!status.ok()) return client_.complain(status, "create");
    print("created " + domain.name() + ", domain " + std::to_string(domain.id()) + "\n", domain);
    if (!options.console) return ExitCode::success;
    return run_console(client_, domain.name(), [&] {
        if (options.paused) return ExitCode::success;
        ClientContext unpause_context;
        v1::Domain running;
        return client_.complain(client_.service().UnpauseDomain(&unpause_context, reference(domain.name()), &running),
                                "unpause " + domain.name());
    });
}

ExitCode Commands::list() {
    ClientContext context;
    v1::ListDomainsResponse domains;
    Status status = client_.service().ListDomains(&context, {}, &domains);
    if (status.ok()) print(render_domains(domains), domains);
    return client_.complain(status, "list");
}

ExitCode Commands::info(std::optional<std::string> const& name) {
    ClientContext context;
    if (!name) {
        v1::HostInfo host;
        Status status = client_.service().GetHostInfo(&context, {}, &host);
        if (status.ok()) print(render_host(host), host);
        return client_.complain(status, "info");
    }
    v1::Domain domain;
    Status status = client_.service().GetDomain(&context, reference(*name), &domain);
    if (status.ok()) print(render_domain(domain), domain);
    return client_.complain(status, "info " + *name);
}

ExitCode Commands::console(std::string const& name) {
    return run_console(client_, name, [] { return ExitCode::success; });
}

ExitCode Commands::pause(std::vector<std::string> const& names) {
    return for_each(names, [&](std::string const& name) {
        ClientContext context;
        v1::Domain domain;
        Status status = client_.service().PauseDomain(&context, reference(name), &domain);
        if (status.ok()) print("paused " + name + "\n", domain);
        return client_.complain(status, "pause " + name);
    });
}

ExitCode Commands::unpause(std::vector<std::string> const& names) {
    return for_each(names, [&](std::string const& name) {
        ClientContext context;
        v1::Domain domain;
        Status status = client_.service().UnpauseDomain(&context, reference(name), &domain);
        if (status.ok()) print("unpaused " + name + "\n", domain);
        return client_.complain(status, "unpause " + name);
    });
}

ExitCode Commands::shutdown(std::vector<std::string> const& names, double wait_seconds) {
    return for_each(names, [&](std::string const& name) {
        ClientContext context;
        v1::ShutdownResponse response;
        Status status = client_.service().ShutdownDomain(&context, request_end(name, wait_seconds), &response);
        if (status.ok()) print((response.ended() ? "powered off " : "asked to power off: ") + name + "\n", response);
        return client_.complain(status, "shutdown " + name);
    });
}

ExitCode Commands::reboot(std::vector<std::string> const& names, double wait_seconds) {
    return for_each(names, [&](std::string const& name) {
        ClientContext context;
        v1::ShutdownResponse response;
        Status status = client_.service().RebootDomain(&context, request_end(name, wait_seconds), &response);
        if (status.ok()) print((response.ended() ? "rebooting " : "asked to reboot: ") + name + "\n", response);
        return client_.complain(status, "reboot " + name);
    });
}

ExitCode Commands::destroy(std::vector<std::string> const& names) {
    return for_each(names, [&](std::string const& name) {
        ClientContext context;
        v1::DestroyResponse response;
        Status status = client_.service().DestroyDomain(&context, reference(name), &response);
        if (status.ok()) print("destroyed " + name + "\n", response);
        return client_.complain(status, "destroy " + name);
    });
}

ExitCode Commands::dmesg(bool clear) {
    ClientContext context;
    v1::HypervisorLogRequest request;
    request.set_clear(clear);
    v1::HypervisorLog log;
    Status status = client_.service().ReadHypervisorLog(&context, request, &log);
    if (status.ok()) print(log.text(), log);
    return client_.complain(status, "dmesg");
}

ExitCode Commands::events(unsigned count) {
    ClientContext context;
    auto reader = client_.service().WatchEvents(&context, {});
    v1::Event event;
    for (unsigned seen = 0; reader->Read(&event);) {
        std::fputs((format_ == OutputFormat::json ? render_json_line(event) : render_event(event)).c_str(), stdout);
        std::fflush(stdout);
        if (++seen == count) {
            context.TryCancel();
            reader->Finish();
            return ExitCode::success;
        }
    }
    return client_.complain(reader->Finish(), "events");
}
}  // namespace paravane
