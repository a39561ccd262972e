// SPDX-License-Identifier: MIT
// How DomainManager makes a domain. Every step that leaves something behind says at once how to take it back.
#include <optional>

#include "daemon/domain_claims.hpp"
#include "daemon/domain_manager.hpp"
#include "daemon/undo.hpp"
#include "domain/size.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t slack_kib = 1024;  // above the domain's memory, as Xen's tools leave it

void report(char const* what, Result<> const& result) {
    if (!result) log::error(std::string{what} + ": " + result.error().message());
}

// The request was checked and the name is ours: what a step does not find, or finds there already, is not the domain.
Error of_the_machine(Error error) {
    bool misleading = error.kind == ErrorKind::not_found || error.kind == ErrorKind::exists;
    return misleading ? std::move(error).as(ErrorKind::internal) : error;
}
}  // namespace

Result<Domain> DomainManager::create(DomainSpec const& spec, bool paused) {
    std::string step = spec.name.empty() ? "create" : "create " + spec.name;
    Result<> checked = check_domain_spec(spec);
    if (!checked) return std::move(checked).error().within(step);
    Result<NameReservation> reservation = reserve(spec.name);
    if (!reservation) return std::move(reservation).error().within(step);
    Result<std::uint16_t> id = construct(spec, paused);
    if (!id) return of_the_machine(std::move(id).error()).within(step);
    Result<DomainInfo> info = hypervisor_.domctl.domain_info(*id);
    if (!info) {  // it ran, ended, and was destroyed before we could look
        return Domain{.id = *id, .name = spec.name, .info = std::nullopt, .spec = spec, .console_log = ""};
    }
    return describe(*info, spec.name);
}

Result<> DomainManager::check_free_memory(std::uint64_t memory) {
    MachineFacts machine = TRY(hypervisor_.sysctl.machine());
    if (memory / page_size <= machine.free_pages) return {};
    return Error{"memory",
                 format_size(memory) + " are wanted, the host has only " +
                     std::to_string(machine.free_pages * page_size >> 20) + "MiB free",
                 ErrorKind::exhausted};
}

Result<std::uint16_t> DomainManager::construct(DomainSpec const& spec, bool paused) {
    TRY(check_free_memory(spec.memory));
    // Without a lock: it takes as long as who chose the files likes.
    std::optional<PreparedDomain> prepared =
        TRY(prepare_domain(images_, {.kernel = spec.kernel, .initrd = spec.initrd}, spec.cmdline, spec.memory));
    std::scoped_lock one_at_a_time{build_mutex_};
    TRY(check_free_memory(spec.memory));
    DomainNodes nodes = TRY(DomainNodes::connect());
    XenForeign foreign = TRY(XenForeign::open());

    // Before `undo`, so that they are still there when it runs.
    DomainHandle handle = random_handle();
    DomainRecord record{.id = 0, .uuid = to_string(handle), .spec = spec};
    std::optional<Claim> held;
    Undo undo;
    TRY(nodes.begin_building(record.uuid, spec.name));
    undo.add([&] { report("undo", nodes.end_building(record.uuid)); });

    record.id = TRY(hypervisor_.domctl.create_domain(handle, spec.vcpus));
    undo.add([&] {
        report("undo", end_in_hypervisor(record.id));
        consoles_.forget(record.id);
    });
    {
        std::scoped_lock lock{mutex_};
        auto now = std::chrono::steady_clock::now();
        domains_.emplace(record.id, Managed{.record = record, .started = now, .busy = true});
    }
    held.emplace(*this, record.id);  // who wants to do something with it waits until we are through
    undo.add([&] {
        std::scoped_lock lock{mutex_};
        domains_.erase(record.id);
    });
    TRY(hypervisor_.domctl.set_max_vcpus(record.id, spec.vcpus));
    TRY(hypervisor_.domctl.set_max_memory(record.id, (spec.memory >> 10) + slack_kib));
    DomainPorts ports{};
    ports.xenstore = TRY(hypervisor_.allocate_port(record.id));
    ports.console = TRY(hypervisor_.allocate_port(record.id));
    BuiltDomain built = TRY(build_domain(hypervisor_, foreign, record.id, ports, *prepared));
    prepared.reset();

    undo.add([&] { report("undo", nodes.remove(record.id, record.uuid)); });
    TRY(nodes.publish(record, ports, built));
    TRY(consoles_.start(record.id, ports.console, spec.name));
    if (!paused) TRY(hypervisor_.domctl.unpause(record.id));
    TRY(nodes.end_building(record.uuid));
    undo.commit();
    events_.publish(EventKind::created, record.id, spec.name);
    return record.id;
}
}  // namespace paravane
