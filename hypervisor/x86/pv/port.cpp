// SPDX-License-Identifier: MIT
// IN, OUT, INS and OUTS of guests (Intel SDM volume 1, chapter 19): who may, by virtual IOPL or bitmap; what really
// happens at the port; the instructions themselves. Dom0 reaches the machine's ports except those the hypervisor
// drives; reads of the others give all ones, writes vanish. Nobody else has ports.
#include "core/domain.hpp"
#include "core/guest_access.hpp"
#include "core/hal/memory.hpp"
#include "x86/dev/pci.hpp"
#include "x86/entry/entry.hpp"
#include "x86/mm/paging.hpp"
#include "x86/pv/priv_op.hpp"

namespace hv::x86 {
namespace {
using pv::Instruction;
using pv::Operation;

constexpr u64 direction_flag = 1u << 10;
constexpr u64 write_fault = 1u << 1;

// The old interrupt controllers are the hypervisor's. The clock and the timers it has read at boot, and left to dom0.
constexpr PortRange fixed_denied[] = {{0x20, 2}, {0xa0, 2}};
constexpr PortRange config = {0xcf8, 8};        // PCI configuration, and the byte of system reset among it
constexpr PortRange unreachable = {0xfff8, 8};  // for the processor, which reads two bytes of the bitmap

constexpr u16 config_data = 0xcfc;
constexpr u32 config_enable = 1u << 31;

constexpr void close(PortBitmap& bitmap, PortRange range) {
    for (u32 port = range.first; port < range.first + u32{range.count}; ++port)
        bitmap[port / 8] |= static_cast<u8>(1u << (port % 8));
}
bool is_open(u32 port, u32 size) {
    for (u32 at = port; at < port + size; ++at)
        if (at > 0xffff || port_bitmap[at / 8] >> (at % 8) & 1) return false;
    return true;
}

constexpr u32 all_ones(u32 size) { return static_cast<u32>((u64{1} << (size * 8)) - 1); }
constexpr bool is_config_address(u32 port, u32 size) { return port == config.first && size == 4; }
constexpr bool is_config_data(u32 port, u32 size) { return port >= config_data && port + size <= config_data + 4; }
u32 config_register(Vcpu const& vcpu, u16 port) { return (vcpu.pci_config_address & ~3u) + (port & 3u); }

// What cannot be done as a whole is done byte by byte.
bool is_whole(u32 port, u32 size) {
    return size == 1 || is_open(port, size) || is_config_address(port, size) || is_config_data(port, size);
}
bool is_denied(u32 port) {
    return !is_open(port, 1) && port - config.first >= config.count && port < unreachable.first;
}

u32 read_port(Vcpu& vcpu, u16 port, u32 size) {
    if (!vcpu.domain->privileged) return all_ones(size);
    if (!is_whole(port, size)) {
        u32 value = 0;
        for (u32 i = 0; i < size; ++i) value |= read_port(vcpu, static_cast<u16>(port + i), 1) << (8 * i);
        return value;
    }
    if (is_config_address(port, size)) return vcpu.pci_config_address;
    if (!is_config_data(port, size)) return is_denied(port) ? all_ones(size) : cpu::in(port, size);
    return vcpu.pci_config_address & config_enable ? pci::read(config_register(vcpu, port), size) : all_ones(size);
}

void write_port(Vcpu& vcpu, u16 port, u32 size, u32 value) {
    if (!vcpu.domain->privileged) return;
    if (!is_whole(port, size)) {
        for (u32 i = 0; i < size; ++i) write_port(vcpu, static_cast<u16>(port + i), 1, value >> (8 * i) & 0xff);
    } else if (is_config_address(port, size)) {
        vcpu.pci_config_address = value;
    } else if (!is_config_data(port, size)) {
        if (!is_denied(port)) cpu::out(port, size, value);
    } else if (vcpu.pci_config_address & config_enable) {
        pci::write(config_register(vcpu, port), size, value);
    }
}

// Opens to dom0's kernel all ports that need no care, so that it uses this one itself and those that follow too. They
// are closed again when this CPU goes to user space or to another vCPU. False: not such a port, or open already.
bool let_through(Vcpu const& vcpu, u16 port, u32 size) {
    u16 volatile& bitmap_offset = window::port_bitmap_offset(this_cpu().id);
    if (!vcpu.domain->privileged || !vcpu.in_kernel || vcpu.iopl == 0 || !is_open(port, size) ||
        bitmap_offset == window::ports_open)
        return false;
    bitmap_offset = window::ports_open;
    return true;
}
// Guest memory as the guest's kernel sees it, in whatever mode the vCPU is.
class KernelView {
public:
    explicit KernelView(Vcpu const& vcpu) : vcpu_{vcpu} {
        if (!vcpu_.in_kernel) x86_tlb::load_root(vcpu_.kernel_root);
    }
    KernelView(KernelView const&) = delete;
    ~KernelView() {
        if (!vcpu_.in_kernel) x86_tlb::load_root(vcpu_.user_root);
    }

private:
    Vcpu const& vcpu_;
};

// A set bit forbids; what is not in the bitmap or cannot be read is forbidden. The bitmap is at an address of the
// kernel's: in the user root there is nothing, or what a program has put there.
bool bitmap_permits(Vcpu const& vcpu, u32 port, u32 size) {
    if (port + size > vcpu.io_bitmap_ports) return false;
    KernelView const view{vcpu};
    for (u32 p = port; p < port + size; ++p) {
        Result<u8> byte = copy_in(guest_ptr<u8>{vcpu.io_bitmap + p / 8});
        if (!byte || (*byte >> (p % 8) & 1)) return false;
    }
    return true;
}

bool may_use_port(Vcpu const& vcpu, u32 port, u32 size) {
    return vcpu.has_io_privilege() || bitmap_permits(vcpu, port, size);
}

void advance(abi::CpuUserRegs& regs, u32 number, Instruction const& instruction, u64 by) {
    u64 value = pv::read_gpr(regs, number) + by;
    pv::write_gpr(regs, number, instruction.address_size == 4 ? value & 0xffff'ffff : value);
}

// One element; a repeated one comes back for the next, and takes its events in between.
Emulated string_operation(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction, u16 port) {
    constexpr u32 rcx = 1, rsi = 6, rdi = 7;
    bool input = instruction.operation == Operation::port_in_string;
    u64 address = input ? instruction.destination.value : instruction.source.value;
    u32 value = 0;
    bool accessible =
        is_guest_range(address, instruction.size) && hal::copy_from_guest(&value, address, instruction.size);
    if (accessible && !input) write_port(vcpu, port, instruction.size, value);
    if (accessible && input) {
        accessible = hal::copy_to_guest(address, &value, instruction.size);  // tried: what a device has given is gone
        if (accessible) value = read_port(vcpu, port, instruction.size);
        accessible = accessible && hal::copy_to_guest(address, &value, instruction.size);
    }
    if (!accessible) {
        deliver_page_fault(vcpu, regs, address, input ? write_fault : 0);
        return Emulated::elsewhere;
    }
    u64 step = instruction.size;
    advance(regs, input ? rdi : rsi, instruction, regs.rflags & direction_flag ? u64{0} - step : step);
    if (!instruction.repeat) return Emulated::done;
    advance(regs, rcx, instruction, ~u64{0});
    return Emulated::elsewhere;
}
}  // namespace

void deny_ports(PortRange range) { close(port_bitmap, range); }

void open_config_ports() {
    static_assert(config.first % 8 == 0 && config.count == 8);
    port_bitmap[config.first / 8] = 0;
    pci::share_ports();
}

Emulated emulate_port(Vcpu& vcpu, abi::CpuUserRegs& regs, Instruction const& instruction) {
    bool input = instruction.operation == Operation::port_in || instruction.operation == Operation::port_in_string;
    bool string =
        instruction.operation == Operation::port_in_string || instruction.operation == Operation::port_out_string;
    pv::Operand number = input ? instruction.source : instruction.destination;
    u16 port = static_cast<u16>(pv::read_operand(regs, number, 2));
    u64 count = instruction.address_size == 4 ? regs.rcx & 0xffff'ffff : regs.rcx;
    bool nothing_left = instruction.repeat && count == 0;  // that needs no privilege
    if (!nothing_left && !may_use_port(vcpu, port, instruction.size)) return Emulated::refused;
    if (!nothing_left && let_through(vcpu, port, instruction.size)) return Emulated::elsewhere;

    Emulated outcome = Emulated::done;
    if (string) {
        if (!nothing_left) outcome = string_operation(vcpu, regs, instruction, port);
    } else if (input) {
        pv::write_operand(regs, instruction.destination, instruction.size, read_port(vcpu, port, instruction.size));
    } else {
        u64 value = pv::read_operand(regs, instruction.source, instruction.size);
        write_port(vcpu, port, instruction.size, static_cast<u32>(value));
    }
    if (outcome == Emulated::done) regs.rip += instruction.length;
    return outcome;
}
}  // namespace hv::x86

constinit hv::PortBitmap hv::port_bitmap = [] {
    using namespace hv::x86;
    PortBitmap bitmap{};
    for (PortRange range : fixed_denied) close(bitmap, range);
    close(bitmap, config);
    close(bitmap, unreachable);
    return bitmap;
}();
