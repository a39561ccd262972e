// SPDX-License-Identifier: MIT
#include "daemon/guest_maker.hpp"

#include <algorithm>
#include <optional>

#include "daemon/undo.hpp"
#include "domain/builder.hpp"
#include "domain/size.hpp"
#include "domain/uuid.hpp"
#include "os/log.hpp"

namespace paravane {
namespace {
constexpr std::uint64_t slack_kib = 1024;  // above the domain's memory, as Xen's tools leave it

Error stopped() { return Error{"", "it was cancelled", ErrorKind::cancelled}; }

Result<PreparedDomain> prepare(ImageReader& reader, DomainSpec const& spec, std::stop_token const& stop) {
    Result<PreparedDomain> prepared =
        prepare_domain(reader, {.kernel = spec.kernel, .initrd = spec.initrd}, spec.cmdline, spec.memory, stop);
    if (prepared) return prepared;
    if (stop.stop_requested()) return stopped();
    // A file that cannot be used is no failure of ours.
    Error error = std::move(prepared).error();
    if (error.kind == ErrorKind::precondition) return std::move(error).with("reason", "FILE_UNUSABLE");
    return error;
}
}  // namespace

// A part of the host's memory, while a guest is made.
class GuestMaker::Claim {
public:
    Claim(GuestMaker& maker, std::uint64_t memory) : maker_{&maker}, memory_{memory} {}
    Claim(Claim&& other) noexcept : maker_{std::exchange(other.maker_, nullptr)}, memory_{other.memory_} {}
    Claim& operator=(Claim&&) = delete;
    ~Claim() {
        if (maker_ == nullptr) return;
        std::scoped_lock lock{maker_->mutex_};
        maker_->claimed_ -= memory_;
    }

    static Result<Claim> take(GuestMaker& maker, std::uint64_t memory) {
        MachineFacts machine = TRY(maker.hypervisor_.sysctl.machine());
        std::uint64_t free = machine.free_pages * page_size;
        std::scoped_lock lock{maker.mutex_};
        std::uint64_t left = free - std::min(free, maker.claimed_);
        if (left < memory) {
            return Error{
                "memory",
                format_size(memory) + " are wanted, the host has only " + std::to_string(left >> 20) + "MiB free",
                ErrorKind::exhausted};
        }
        maker.claimed_ += memory;
        return Claim{maker, memory};
    }

private:
    GuestMaker* maker_;
    std::uint64_t memory_;
};

std::uint64_t GuestMaker::claimed() const {
    std::scoped_lock lock{mutex_};
    return claimed_;
}

Result<> GuestMaker::check_files(DomainSpec const& spec, std::stop_token const& stop) {
    TRY(prepare(trials_, spec, stop));
    return {};
}

Result<GuestPlace> GuestMaker::make(Record const& record, std::stop_token const& stop) {
    DomainSpec const& spec = record.spec;
    std::optional<DomainHandle> handle = parse_uuid(record.uid);
    if (!handle) return Error{"", "the uid is none"};
    { Claim early = TRY(Claim::take(*this, spec.memory)); }  // what cannot be needs no reading
    std::optional<PreparedDomain> prepared = TRY(prepare(images_, spec, stop));
    Claim claim = TRY(Claim::take(*this, spec.memory));
    XenForeign foreign = TRY(XenForeign::open());
    if (stop.stop_requested()) return stopped();

    Undo undo;
    GuestPlace guest;
    guest.id = TRY(hypervisor_.domctl.create_domain(*handle, spec.vcpus));
    undo.add([&] {
        Result<> ended = hypervisor_.domctl.destroy(guest.id);
        if (!ended) log::error("undo: " + ended.error().message());
    });
    TRY(hypervisor_.domctl.set_max_vcpus(guest.id, spec.vcpus));
    TRY(hypervisor_.domctl.set_max_memory(guest.id, (spec.memory >> 10) + slack_kib));
    guest.ports.xenstore = TRY(hypervisor_.allocate_port(guest.id));
    guest.ports.console = TRY(hypervisor_.allocate_port(guest.id));
    if (stop.stop_requested()) return stopped();
    guest.built = TRY(build_domain(hypervisor_, foreign, guest.id, guest.ports, *prepared));
    undo.commit();
    return guest;
}
}  // namespace paravane
