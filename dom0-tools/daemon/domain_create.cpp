// SPDX-License-Identifier: MIT
// How DomainManager makes a domain. Every step that leaves something behind says at once how to take it back.
#include <optional>

#include "daemon/domain_claims.hpp"
#include "daemon/domain_manager.hpp"
#include "daemon/log.hpp"
#include "daemon/undo.hpp"
#include "domain/builder.hpp"
#include "domain/spec.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t slack_kib = 1024;  // above the domain's memory, as Xen's tools leave it

void report(char const* what, Result<> const& result) {
    if (!result) log_line(std::string{what} + ": " + result.error().message());
}
// The request was checked and the name is ours: what a step does not find, or finds there already, is not the domain.
Error of_the_machine(Error error) {
    for (int code : {EINVAL, ENOENT, ESRCH, EEXIST}) {
        if (error.code == code) error.code = EIO;
    }
    return error;
}
}  // namespace

Result<v1::Domain> DomainManager::create(v1::DomainSpec const& wanted, bool paused) {
    v1::DomainSpec spec = with_defaults(wanted);
    std::string step = spec.name().empty() ? "create" : "create " + spec.name();
    Result<> checked = check_domain_spec(spec);
    if (!checked) return std::move(checked).error().within(step);
    Result<NameReservation> reservation = reserve(spec.name());
    if (!reservation) return std::move(reservation).error().within(step);
    Result<std::uint16_t> id = construct(spec, paused);
    if (!id) return of_the_machine(std::move(id).error()).within(step);
    Result<DomainInfo> info = domctl_.domain_info(*id);
    if (!info) {  // it ran, ended, and was destroyed before we could look
        v1::Domain gone;
        gone.set_id(*id);
        gone.set_name(spec.name());
        *gone.mutable_spec() = spec;
        return gone;
    }
    return describe(*info, spec.name());
}

Result<> DomainManager::check_free_memory(std::uint64_t memory) {
    HostFacts facts = TRY(domctl_.host_facts());
    if (memory / page_size <= facts.free_pages) return {};
    return Error{"memory",
                 format_size(memory) + " are wanted, the host has only " +
                     std::to_string(facts.free_pages * page_size >> 20) + "MiB free",
                 ENOMEM};
}

Result<std::uint16_t> DomainManager::construct(v1::DomainSpec const& spec, bool paused) {
    std::scoped_lock one_at_a_time{build_mutex_};
    TRY(check_free_memory(spec.memory()));
    std::optional<PreparedDomain> prepared = TRY(prepare_domain(
        {.kernel = spec.kernel(), .initrd = spec.initrd(), .cmdline = spec.cmdline(), .memory = spec.memory()}));
    DomainNodes nodes = TRY(DomainNodes::connect());
    XenForeign foreign = TRY(XenForeign::open());

    // Before `undo`, so that they are still there when it runs.
    DomainHandle handle = random_handle();
    DomainRecord record{.id = 0, .uuid = to_string(handle), .spec = spec};
    std::optional<Claim> held;
    Undo undo;
    TRY(nodes.begin_building(record.uuid, spec.name()));
    undo.add([&] { report("undo", nodes.end_building(record.uuid)); });

    record.id = TRY(domctl_.create_domain(handle, spec.vcpus()));
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
    TRY(domctl_.set_max_vcpus(record.id, spec.vcpus()));
    TRY(domctl_.set_max_memory(record.id, (spec.memory() >> 10) + slack_kib));
    DomainPorts ports{};
    ports.xenstore = TRY(domctl_.allocate_port(record.id));
    ports.console = TRY(domctl_.allocate_port(record.id));
    BuiltDomain built = TRY(build_domain(domctl_, foreign, record.id, ports, *prepared));
    prepared.reset();

    undo.add([&] { report("undo", nodes.remove(record.id, record.uuid)); });
    TRY(nodes.publish(record, ports, built));
    TRY(consoles_.start(record.id, ports.console, spec.name()));
    if (!paused) TRY(domctl_.unpause(record.id));
    TRY(nodes.end_building(record.uuid));
    undo.commit();
    events_.publish(v1::EVENT_KIND_CREATED, record.id, spec.name());
    return record.id;
}
}  // namespace paravane
