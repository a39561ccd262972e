// SPDX-License-Identifier: MIT
#include "fake_dom0.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "public/event_channel.hpp"
#include "public/hypercall.hpp"
#include "public/memory.hpp"
#include "public/sysctl.hpp"
#include "public/version.hpp"
#include "xen/foreign.hpp"

namespace test {
namespace {
constexpr std::size_t page = 4096;

template <class T>
T& at(std::uint64_t address) {
    return *reinterpret_cast<T*>(address);
}
}  // namespace

FakeDom0& FakeDom0::the() {
    static FakeDom0 dom0;
    return dom0;
}

FakeDom0::FakeDom0() : memory_{memfd_create("frames", MFD_CLOEXEC)} {
    if (ftruncate(memory_, total_frames * page) < 0) std::abort();
    reset();
    // For who has no other way to reach us.
    signal(SIGUSR1, [](int) { the().store_is_away = !the().store_is_away; });
}

void FakeDom0::reset() {
    domains.clear();
    domains[0].flags = abi::dominf::running;
    domains[0].pauses = 0;
    nodes.clear();
    refuse_hypercall = refuse_request = {};
    store_is_away = false;
    holders = 0;
    free_.clear();
    for (std::uint64_t frame = total_frames - 1; frame != 0; --frame) free_.push_back(frame);
    last_id_ = 0;
}

void FakeDom0::shut_down(std::uint16_t domid, std::uint32_t reason) {
    std::scoped_lock lock{mutex};
    domains.at(domid).flags |= abi::dominf::shutdown | reason << abi::dominf::shutdown_shift;
}

int FakeDom0::take_frame(Domain& domain, std::uint64_t& frame) {
    if (free_.empty()) return -ENOMEM;
    frame = free_.back();
    free_.pop_back();
    domain.frames.push_back(frame);
    return 0;
}

void FakeDom0::describe(std::uint16_t domid, Domain const& domain, abi::DomctlGetdomaininfo& info) const {
    info = {};
    info.domain = {domid};
    info.flags = domain.flags;
    info.tot_pages = domain.frames.size();
    info.max_pages = domain.max_pages;
    info.shared_info_frame = {domain.shared_info_frame};
    info.nr_online_vcpus = domain.vcpus;
    std::ranges::copy(domain.handle, info.handle.bytes);
}

int FakeDom0::domctl(abi::Domctl& op) {
    namespace command = abi::domctl;
    if (op.interface_version != abi::domctl_interface_version) return -EACCES;
    if (op.cmd == command::createdomain) {
        Domain& domain = domains[++last_id_];
        std::ranges::copy(op.u.createdomain.handle.bytes, domain.handle.begin());
        op.domain = {last_id_};
        return take_frame(domain, domain.shared_info_frame);
    }
    auto found =
        op.cmd == command::getdomaininfo ? domains.lower_bound(op.domain.value) : domains.find(op.domain.value);
    if (found == domains.end()) return -ESRCH;
    auto& [id, domain] = *found;
    switch (op.cmd) {
        case command::getdomaininfo: describe(id, domain, op.u.getdomaininfo); return 0;
        case command::setdomainhandle:
            std::ranges::copy(op.u.setdomainhandle.handle.bytes, domain.handle.begin());
            return 0;
        case command::destroydomain:
            if (holders != 0) {
                domain.flags |= abi::dominf::dying;
                return 0;
            }
            free_.insert(free_.end(), domain.frames.begin(), domain.frames.end());
            domains.erase(found);
            return 0;
        case command::pausedomain:
            ++domain.pauses;
            domain.flags |= abi::dominf::paused;
            return 0;
        case command::unpausedomain:
            if (domain.pauses == 0) return -EINVAL;
            if (--domain.pauses == 0) domain.flags &= ~abi::dominf::paused;
            return 0;
        case command::max_vcpus: domain.vcpus = op.u.max_vcpus.max; return 0;
        case command::max_mem: domain.max_pages = op.u.max_mem.max_memkb / 4; return 0;
        case command::setvcpucontext:
        case command::hypercall_init: return 0;
        default: return -ENOSYS;
    }
}

int FakeDom0::sysctl(std::uint64_t address) {
    namespace command = abi::sysctl;
    auto& op = at<abi::Sysctl>(address);
    if (op.interface_version != abi::sysctl_interface_version) return -EACCES;
    if (op.cmd == command::physinfo) {
        op.u.physinfo = {};
        op.u.physinfo.nr_cpus = 2;
        op.u.physinfo.total_pages = total_frames;
        op.u.physinfo.free_pages = free_.size();
    } else if (op.cmd == command::getdomaininfolist) {
        auto& list = op.u.getdomaininfolist;
        list.num_domains = 0;
        for (auto found = domains.lower_bound(list.first_domain.value);
             found != domains.end() && list.num_domains < list.max_domains; ++found)
            describe(found->first, found->second,
                     (&at<abi::DomctlGetdomaininfo>(list.buffer.address))[list.num_domains++]);
    } else if (op.cmd == command::readconsole) {
        auto& read = op.u.readconsole;
        std::size_t const from = std::min<std::size_t>(read.incremental ? read.index : 0, log.size());
        read.count = static_cast<std::uint32_t>(log.copy(&at<char>(read.buffer.address), read.count, from));
        read.index = static_cast<std::uint32_t>(from) + read.count;
        if (read.clear) log.clear();
    } else {
        return -ENOSYS;
    }
    return 0;
}

int FakeDom0::populate(std::uint64_t address) {
    auto& reservation = at<abi::MemoryReservation>(address);
    auto found = domains.find(reservation.domid.value);
    if (found == domains.end()) return -ESRCH;
    if (reservation.extent_order != 0) return 0;  // memory is too fragmented: single pages it is
    auto* extents = &at<std::uint64_t>(reservation.extent_start.address);
    int done = 0;
    for (std::uint64_t i = 0; i < reservation.nr_extents && take_frame(found->second, extents[i]) == 0; ++i) ++done;
    return done;
}

int FakeDom0::hypercall(unsigned number, paravane::XenCall::Arguments const& arguments) {
    std::scoped_lock lock{mutex};
    if (refuse_hypercall.is_due()) return -refuse_hypercall.code;
    switch (number) {
        case abi::hypercall::domctl: return domctl(at<abi::Domctl>(arguments[0]));
        case abi::hypercall::sysctl: return sysctl(arguments[0]);
        case abi::hypercall::xen_version: return arguments[0] == abi::xenver::version ? 4 << 16 | 17 : 0;
        case abi::hypercall::memory_op:
            return arguments[0] == abi::memop::populate_physmap ? populate(arguments[1]) : -ENOSYS;
        case abi::hypercall::mmuext_op: return 0;
        case abi::hypercall::event_channel_op: {
            auto& op = at<abi::EvtchnAllocUnbound>(arguments[1]);
            auto found = domains.find(op.dom.value);
            if (found == domains.end()) return -ESRCH;
            op.port = {found->second.next_port++};
            return 0;
        }
        default: return -ENOSYS;
    }
}

void* FakeDom0::map(std::uint16_t domid, std::span<std::uint64_t const> frames) {
    std::scoped_lock lock{mutex};
    auto found = domains.find(domid);
    if (refuse_hypercall.is_due() || found == domains.end()) return nullptr;
    auto* start =
        static_cast<std::byte*>(mmap(nullptr, frames.size() * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (std::ranges::find(found->second.frames, frames[i]) == found->second.frames.end()) return nullptr;
        mmap(start + i * page, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_,
             static_cast<off_t>(frames[i] * page));
    }
    ++mappings;
    return start;
}

std::uint64_t FakeDom0::grant_frame(std::uint16_t domid) {
    std::scoped_lock lock{mutex};
    auto found = domains.find(domid);
    std::uint64_t frame = 0;
    return found != domains.end() && take_frame(found->second, frame) == 0 ? frame : 0;
}
}  // namespace test

namespace paravane {
namespace {
template <class Handle>
Handle* some_handle() {
    static char anything;
    return reinterpret_cast<Handle*>(&anything);
}
}  // namespace

HypercallBuffer::~HypercallBuffer() { ::operator delete(data_); }
void XenCall::Closer::operator()(xencall_handle*) const {}
Result<XenCall> XenCall::open() { return XenCall{some_handle<xencall_handle>()}; }

Result<HypercallBuffer> XenCall::allocate(std::size_t size) {
    void* memory = ::operator new(size);
    std::memset(memory, 0, size);
    return HypercallBuffer{handle_.get(), memory, size};
}

Result<int> XenCall::call(std::string_view step, unsigned number, Arguments const& arguments) {
    int result = test::FakeDom0::the().hypercall(number, arguments);
    if (result < 0) return Error::from_errno(std::string{step}, -result);
    return result;
}

ForeignMapping::ForeignMapping(ForeignMapping&& other) noexcept
    : handle_{other.handle_},
      resource_{other.resource_},
      data_{std::exchange(other.data_, nullptr)},
      pages_{std::exchange(other.pages_, 0)} {}

ForeignMapping::~ForeignMapping() {
    if (data_ == nullptr) return;
    munmap(data_, pages_ * 4096);
    --test::FakeDom0::the().mappings;
}

void XenForeign::Closer::operator()(xenforeignmemory_handle*) const {}
Result<XenForeign> XenForeign::open() { return XenForeign{some_handle<xenforeignmemory_handle>()}; }

Result<ForeignMapping> XenForeign::map(std::string_view what, std::uint16_t domid,
                                       std::span<std::uint64_t const> frames) {
    void* address = test::FakeDom0::the().map(domid, frames);
    if (address == nullptr)
        return Error::from_errno("map " + std::string{what} + " of domain " + std::to_string(domid), EINVAL);
    return ForeignMapping{handle_.get(), nullptr, address, frames.size()};
}

Result<ForeignMapping> XenForeign::map_grant_table(std::uint16_t domid) {
    std::uint64_t const frame = test::FakeDom0::the().grant_frame(domid);
    return map("the grant table", domid, {&frame, 1});
}
}  // namespace paravane
