// SPDX-License-Identifier: MIT
// memory_op: frames come and go, numbers are asked for.
#include <atomic>

#include "fuzz.hpp"

namespace fuzz {
namespace {
namespace op = abi::memop;

abi::MemoryReservation reservation(u64* extents, u64 count) {
    return {.extent_start = guest::pointer_to(extents),
            .nr_extents = count,
            .extent_order = 0,
            .mem_flags = 0,
            .domid = abi::domid_self,
            .pad = {}};
}

// A slot is taken by exchanging its frame for 0, so that only one vCPU gives it back or fills it.
u64 take(u32 slot) { return std::atomic_ref<u64>(pool.frames[slot]).exchange(0); }
void put(u32 slot, u64 mfn) {
    guest::memory::set_mfn(guest::pfn_of(pool.memory[slot]), Mfn{mfn});
    std::atomic_ref<u64>(pool.frames[slot]).store(mfn);
}

i64 populate_slot(u32 slot) {
    u64 extent = guest::pfn_of(pool.memory[slot]).value;
    auto request = reservation(&extent, 1);
    i64 done = guest::memory_op(op::populate_physmap, &request);
    if (done == 1) { put(slot, extent); }
    return done == 1 ? 0 : -1;
}

i64 decrease(Fuzzer& f) {
    u32 slot = 1 + f.random.below(pool_pages - 1);
    u64 mfn = take(slot);
    if (mfn == 0) { return populate_slot(slot); }
    u64 extent = mfn;
    auto request = reservation(&extent, 1);
    if (guest::memory_op(op::decrease_reservation, &request) != 1) {
        put(slot, mfn);
        return -1;
    }
    return f.random.one_in(2) ? populate_slot(slot) : 0;
}

i64 populate(Fuzzer& f) {
    for (u32 i = 0; i < pool_pages; ++i) {
        if (pool.frames[i] == 0 && take(i) == 0) { return populate_slot(i); }
    }
    return decrease(f);
}

// Comes and goes within the call: the pool does not learn of it.
i64 increase(Fuzzer& f) {
    u64 extents[4]{};
    auto request = reservation(extents, 1 + f.random.below(4));
    request.extent_order = f.random.one_in(8) ? static_cast<u32>(f.hostile()) | 16 : 0;
    i64 done = guest::memory_op(op::increase_reservation, &request);
    if (done > 0) {
        auto back = reservation(extents, static_cast<u64>(done));
        (void)guest::memory_op(op::decrease_reservation, &back);
    }
    return done > 0 ? 0 : -1;
}

i64 twisted(Fuzzer& f) {
    u64 extents[2] = {f.foreign_frame(), u64{1} << 40};
    auto request = reservation(extents, 2);
    f.twist_inside(request);
    request.extent_start = {f.twist(0x5000000000)};
    u32 commands[] = {op::increase_reservation, op::decrease_reservation, op::populate_physmap};
    return guest::memory_op(f.random.pick(commands) | f.random.below(4) << 6, &request) > 0 ? 0 : -1;
}

i64 exchange(Fuzzer& f) {
    u32 slot = 1 + f.random.below(pool_pages - 1);
    u64 mfn = take(slot);
    if (mfn == 0) { return populate_slot(slot); }
    u64 in = mfn;
    u64 out = guest::pfn_of(pool.memory[slot]).value;
    abi::MemoryExchange request{};
    request.in = reservation(&in, 1);
    request.out = reservation(&out, 1);
    // A frame that is mapped anywhere cannot be exchanged.
    (void)guest::update_va_mapping(address_of(pool.memory[slot]), 0);
    i64 result = guest::memory_op(op::exchange, &request);
    put(slot, result == 0 ? out : mfn);
    return result;
}

i64 twisted_exchange(Fuzzer& f) {
    u64 in[2] = {f.foreign_frame(), f.foreign_frame()};
    u64 out[2] = {5000, 5001};
    abi::MemoryExchange request{};
    request.in = reservation(in, 2);
    request.out = reservation(out, 2);
    f.twist_inside(request);
    request.in.extent_start = guest::pointer_to(&in[0]);
    request.out.extent_start = {f.twist(address_of(&out[0]))};
    return guest::memory_op(op::exchange, &request);
}

template <u32 command>
i64 number(Fuzzer& f) {
    abi::MemoryDomain domain{.domid = {static_cast<u16>(f.twist(abi::domid_self.value))}};
    return guest::memory_op(command, &domain);
}

i64 machphys_mapping(Fuzzer& f) {
    return guest::hypercall(abi::hypercall::memory_op, op::machphys_mapping, f.twist(address_of(f.result_place())));
}

i64 reserved_device_memory(Fuzzer& f) {
    abi::ReservedDeviceMemoryMap map{};
    f.twist_inside(map);
    return guest::memory_op(op::reserved_device_memory_map, &map);
}

// Any command on a structure of noise.
i64 anything(Fuzzer& f) {
    u64* words = reinterpret_cast<u64*>(f.result_place());
    for (u32 i = 0; i < 16; ++i) { words[i] = f.hostile(); }
    u32 command = 7 + f.random.below(30);
    return guest::hypercall(abi::hypercall::memory_op, command, address_of(words));
}

constexpr Operation list[] = {
    {"memory decrease_reservation", decrease, 20},
    {"memory populate_physmap", populate, 20},
    {"memory increase_reservation", increase},
    {"memory twisted reservation", twisted, 10, true},
    {"memory exchange", exchange, 20},
    {"memory twisted exchange", twisted_exchange, 10, true},
    {"memory maximum_ram_page", number<op::maximum_ram_page>},
    {"memory current_reservation", number<op::current_reservation>},
    {"memory maximum_reservation", number<op::maximum_reservation>},
    {"memory maximum_gpfn", number<op::maximum_gpfn>},
    {"memory machphys_mapping", machphys_mapping},
    {"memory get_sharing_freed_pages", number<op::get_sharing_freed_pages>},
    {"memory get_sharing_shared_pages", number<op::get_sharing_shared_pages>},
    {"memory reserved_device_memory", reserved_device_memory},
    {"memory anything", anything, 10, true},
};
}  // namespace

Operations memory_operations() { return {std::begin(list), std::end(list)}; }
}  // namespace fuzz
