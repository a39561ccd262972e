// SPDX-License-Identifier: MIT
#include "ward.hpp"

#include <array>

#include "portable/kernel/layout.hpp"
#include "runtime/guest.hpp"
#include "runtime/memory.hpp"
#include "runtime/page_table.hpp"

namespace warden {
namespace {
namespace pt = guest::page_table;
namespace pte = guest::pte;
namespace command = abi::domctl;

// Where a domain's memory is mapped while it is built, and the consoles' rings for good.
constexpr u64 window = 0xffff970000000000;
constexpr u64 consoles = 0xffff978000000000;

constexpr u64 page_kib = guest::page_size / 1024;

constinit u32 built = 0;
constinit std::array<u64, pages> frames{};

void map_foreign(u64 address, u64 const* which, u64 count, Domid owner) {
    for (u64 i = 0; i < count; i += 512) {
        require(pt::map(pt::kernel_root(), address + i * guest::page_size, 0), "tables for another's memory");
    }
    for (u64 i = 0; i < count; ++i) {
        u64 at = address + i * guest::page_size;
        i64 result = guest::update_va_mapping_otherdomain(at, pt::entry(Mfn{which[i]}, pte::read_write), 0, owner);
        require(result == 0, "another's frame is mapped");
    }
}

void unmap(u64 address, u64 count) {
    for (u64 i = 0; i < count; ++i) { (void)guest::update_va_mapping(address + i * guest::page_size, 0); }
}

void populate(Domid owner) {
    for (u64 pfn = 0; pfn < pages; ++pfn) { frames[pfn] = pfn; }
    abi::MemoryReservation request{.extent_start = guest::pointer_to(frames.data()),
                                   .nr_extents = pages,
                                   .extent_order = 0,
                                   .mem_flags = 0,
                                   .domid = owner,
                                   .pad = {}};
    require(guest::memory_op(abi::memop::populate_physmap, &request) == pages, "memory for a domain");
}

void pin(Mfn root, Domid owner) {
    abi::MmuextOp op{};
    op.cmd = abi::mmuext::pin_l4_table;
    op.arg1.mfn = root;
    require(guest::mmuext_op(&op, 1, nullptr, owner.value) == 0, "a domain's page tables are in order");
}

// The image that was loaded as this domain's initrd.
hv::pv::KernelFile guest_file() {
    abi::StartInfo const& info = guest::start_info();
    return {reinterpret_cast<u8 const*>(info.mod_start), info.mod_len};
}

// The command line with domid=N behind it.
std::string_view with_domid(std::string_view text, Domid id, std::array<char, 512>& buffer) {
    std::array<hv::FormatArg, 2> args{hv::FormatArg{text}, hv::FormatArg{u64{id.value}}};
    return hv::format_to(buffer, "{} domid={}", args);
}
}  // namespace

void require(bool good, std::string_view what) {
    if (!good) { guest::panic(what); }
}

i64 domctl(abi::Domctl& op, u32 what, Domid domain) {
    op.cmd = what;
    op.interface_version = abi::domctl_interface_version;
    op.domain = domain;
    return guest::hypercall(abi::hypercall::domctl, address_of(&op));
}

void Ward::create(u32 vcpus) {
    abi::Domctl op{};
    op.u.createdomain.max_vcpus = vcpus;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = op.u.createdomain.max_maptrack_frames = -1;
    op.u.createdomain.grant_opts = 1;
    require(domctl(op, command::createdomain, {0}) == 0, "createdomain");
    id_ = op.domain;
    op.u.max_vcpus.max = vcpus;
    require(domctl(op, command::max_vcpus, id_) == 0, "max_vcpus");
    op.u.max_mem.max_memkb = (pages + 256) * page_kib;
    require(domctl(op, command::max_mem, id_) == 0, "max_mem");
}

EvtchnPort Ward::connect(EvtchnPort& local) const {
    abi::EvtchnAllocUnbound remote{.dom = id_, .remote_dom = abi::dom0, .port = {0}};
    require(guest::event_channel_op(abi::evtchnop::alloc_unbound, &remote) == 0, "a port for a domain");
    abi::EvtchnBindInterdomain bind{.remote_dom = id_, .pad = 0, .remote_port = remote.port, .local_port = {0}};
    require(guest::event_channel_op(abi::evtchnop::bind_interdomain, &bind) == 0, "its other end");
    local = bind.local_port;
    return remote.port;
}

void Ward::set_context(hv::pv::KernelImage const& image, hv::pv::BootLayout const& layout, Mfn root) const {
    static constinit abi::VcpuGuestContext context{};
    context = {};
    hv::pv::fill_context(context, image, layout, root);
    abi::Domctl op{};
    op.u.vcpucontext.ctxt = guest::pointer_to(&context);
    require(domctl(op, command::setvcpucontext, id_) == 0, "setvcpucontext");
}

void Ward::build(std::string_view name, std::string_view command_line, u32 vcpus) {
    name_ = name;
    index_ = built++;
    create(vcpus);
    abi::Domctl info{};
    require(domctl(info, command::getdomaininfo, id_) == 0, "getdomaininfo");
    EvtchnPort console = connect(console_port_);
    EvtchnPort store = connect(store_port_);
    populate(id_);
    map_foreign(window, frames.data(), pages, id_);

    hv::pv::ParsedKernel const parsed = hv::pv::parse_kernel(guest_file(), hv::pv::KernelRole::guest);
    require(!parsed.refusal, "a guest image as initrd");
    hv::pv::LayoutResult const plan = hv::pv::lay_out(parsed.image, {.pages = pages});
    require(!plan.error, "room for the image");
    hv::pv::BootLayout const& layout = plan.layout;
    auto* memory = reinterpret_cast<u8*>(window);
    auto page = [&](u64 pfn) { return memory + pfn * guest::page_size; };
    __builtin_memset(memory, 0, pages * guest::page_size);
    for (u64 pfn = layout.kernel.pfn; pfn < layout.used_pages; ++pfn) {
        hv::pv::fill_page(parsed.image, guest_file(), layout, pfn, page(pfn), [](u64 n) { return Mfn{frames[n]}; });
    }
    auto& start_info = *reinterpret_cast<abi::StartInfo*>(page(layout.start_info_pfn));
    std::array<char, 512> buffer;
    (void)hv::pv::fill_start_info(start_info, parsed.image, layout,
                                  {.shared_info = {info.u.getdomaininfo.shared_info_frame.value << abi::page_shift},
                                   .command_line = with_domid(command_line, id_, buffer)});
    start_info.store_evtchn = store;  // for our own use: there is no xenstore
    start_info.console.domU.mfn = Mfn{frames[layout.console_pfn]};
    start_info.console.domU.evtchn = console;
    unmap(window, pages);

    map_foreign(ring_address(), &frames[layout.console_pfn], 1, id_);
    auto& ring = *reinterpret_cast<abi::io::ConsoleRing*>(ring_address());
    console_.emplace(ring.out, ring.out_prod, ring.out_cons);
    Mfn root{frames[layout.tables.pfn]};
    pin(root, id_);
    set_context(parsed.image, layout, root);
    guest::print("{} is domain {}\n", name_, id_.value);
}

void Ward::start() {
    abi::Domctl op{};
    require(domctl(op, command::unpausedomain, id_) == 0, "unpausedomain");
}

void Ward::pause() {
    abi::Domctl op{};
    require(domctl(op, command::pausedomain, id_) == 0, "pausedomain");
}

u64 Ward::ring_address() const { return consoles + index_ * guest::page_size; }

void Ward::finish_line() {
    guest::print("{}: {}\n", name_, std::string_view{line_, line_length_});
    line_length_ = 0;
}

// No more than a ring full, however fast it writes.
void Ward::print_console() {
    static constinit std::array<char, abi::io::console_out_size> text{};
    std::optional<std::size_t> count = console_->take(text);
    if (!count) { console_->skip_all(); }
    if (!count || *count == 0) { return; }
    for (char c : std::span{text}.first(*count)) {
        if (c != '\n') { line_[line_length_++] = c >= ' ' && c <= '~' ? c : '.'; }
        if (c == '\n' || line_length_ == sizeof(line_)) { finish_line(); }
    }
    abi::EvtchnSend send{.port = console_port_};
    (void)guest::event_channel_op(abi::evtchnop::send, &send);
}

bool Ward::ended(u32& reason) const {
    abi::Domctl op{};
    require(domctl(op, command::getdomaininfo, id_) == 0 && op.domain == id_, "getdomaininfo");
    u32 flags = op.u.getdomaininfo.flags;
    reason = flags >> abi::dominf::shutdown_shift & abi::dominf::shutdown_mask;
    return (flags & abi::dominf::shutdown) != 0;
}

void Ward::raise_store_port() const {
    abi::EvtchnSend send{.port = store_port_};
    (void)guest::event_channel_op(abi::evtchnop::send, &send);
}

void Ward::destroy() {
    print_console();
    unmap(ring_address(), 1);
    for (EvtchnPort port : {console_port_, store_port_}) {
        abi::EvtchnClose close{.port = port};
        require(guest::event_channel_op(abi::evtchnop::close, &close) == 0, "a port is closed");
    }
    abi::Domctl op{};
    i64 result;
    do { result = domctl(op, command::destroydomain, id_); } while (result == guest::failure(guest::Errno::again));
    require(result == 0, "destroydomain");
}
}  // namespace warden
