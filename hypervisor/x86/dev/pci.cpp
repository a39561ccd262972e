// SPDX-License-Identifier: MIT
#include "x86/dev/pci.hpp"
#include <array>
#include "base/lock.hpp"
#include "core/hal/memory.hpp"
#include "core/mm/entry.hpp"
#include "core/mm/page_info.hpp"
#include "x86/cpu/apic.hpp"
#include "x86/cpu/instructions.hpp"
#include "x86/mm/paging.hpp"

namespace hv::pci {
namespace {
constexpr u16 address_port = 0xcf8, data_port = 0xcfc;
constinit Spinlock<LockRank::pci_ports> lock;

constinit bool shared = false;

// The register's low two bits choose the byte by the data port.
class Selected {
public:
    explicit Selected(u32 address) : before_{shared ? cpu::inl(address_port) : 0}, port_{data_port + (address & 3)} {
        cpu::outl(address_port, address & ~3u);
    }
    ~Selected() {
        if (shared) cpu::outl(address_port, before_);
    }
    u16 port() const { return static_cast<u16>(port_); }

private:
    SpinGuard<LockRank::pci_ports> guard_{lock};
    u32 before_;
    u32 port_;
};

// Offsets in the header.
constexpr u32 command = 0x04, status = 0x06, bars = 0x10, capabilities = 0x34;
constexpr u16 decodes_memory = 1u << 1, has_capabilities = 1u << 4;
}  // namespace

void share_ports() { shared = true; }
bool are_ports_shared() { return shared; }

u32 read(u32 address, u32 size) { return cpu::in(Selected{address}.port(), size); }
void write(u32 address, u32 size, u32 value) { cpu::out(Selected{address}.port(), size, value); }

u8 find_capability(Function function, u8 id) {
    u16 bits = read16(function, status);
    if (bits == 0xffff || !(bits & has_capabilities)) return 0;
    u32 at = read(function.address(capabilities), 1) & 0xfc;
    for (u32 i = 0; at >= 0x40 && i < 48; ++i) {  // a list that runs in a circle ends too
        u16 entry = read16(function, at);
        if ((entry & 0xff) == id) return static_cast<u8>(at);
        at = entry >> 8 & 0xfc;
    }
    return 0;
}

std::optional<Maddr> memory_bar(Function function, u32 index) {
    if (index > 5 || !(read16(function, command) & decodes_memory)) return std::nullopt;
    u32 low = read32(function, bars + 4 * index);
    if (low & 1) return std::nullopt;  // ports
    bool is_wide = (low >> 1 & 3) == 2;
    u64 high = is_wide && index < 5 ? read32(function, bars + 4 * index + 4) : 0;
    u64 base = high << 32 | (low & ~0xfu);
    return base ? std::optional{Maddr{base}} : std::nullopt;
}
}  // namespace hv::pci

namespace hv::msi {
namespace {
// Offsets in both capabilities.
constexpr u32 control_word = 2;
constexpr u16 msi_wide = 1u << 7, msi_maskable = 1u << 8, msi_messages_enabled = 7u << 4;
constexpr u16 msix_last_entry = 0x7ff;
constexpr u32 msix_table = 4;

// Words of an MSI-X entry.
enum Word : u32 { address_low, address_high, message_data, vector_control };
constexpr u32 entry_bytes = 16;

// Message address, Intel SDM volume 3, 11.11.1: physical destination, no redirection.
u32 address_of(CpuId cpu) { return 0xfee0'0000 | ioapic::destination_of(cpu) << 12; }

struct TablePage {
    Mfn mfn;
    u64 address;
};
constinit std::array<TablePage, 128> table_pages{};
constinit u32 table_page_count = 0;
constinit Spinlock<LockRank::msi_tables> lock;

// Pages of tables stay mapped: a device that comes back finds its own.
Result<u64> map_table_page(Mfn mfn) {
    SpinGuard guard{lock};
    for (u32 i = 0; i < table_page_count; ++i)
        if (table_pages[i].mfn == mfn) return table_pages[i].address;
    if (table_page_count == table_pages.size()) return Errno::nospc;
    if (!protect_io(mfn, 1, Protection::read_only)) return Errno::nospc;
    u64 address = paging::map_device(Maddr{mfn.value << page_shift}, page_size);
    table_pages[table_page_count++] = {mfn, address};
    return address;
}
}  // namespace

Result<Message> Message::find(hal::MsiSource const& source) {
    bool extended = source.table_base != 0;
    Message message;
    message.function_ = {source.bus, source.devfn};
    u8 at = source.segment
                ? u8{0}
                : pci::find_capability(message.function_, extended ? pci::capability_msix : pci::capability_msi);
    if (!at) return Errno::nodev;
    u16 control = pci::read16(message.function_, at + control_word);
    if (!extended) {
        bool wide = control & msi_wide;
        message.address_at_ = static_cast<u8>(at + 4);
        message.data_at_ = static_cast<u8>(at + (wide ? 12 : 8));
        message.mask_at_ = control & msi_maskable ? static_cast<u8>(message.data_at_ + 4) : u8{0};
        return message;
    }
    u32 table = pci::read32(message.function_, at + msix_table);
    std::optional<Maddr> bar = pci::memory_bar(message.function_, table & 7);
    if (!bar) return Errno::nxio;
    if (source.entry > (control & msix_last_entry)) return Errno::inval;
    u64 place = bar->value + (table & ~7u) + u64{source.entry} * entry_bytes;
    Mfn page{place >> page_shift};
    if (is_ram(page) || place >> hal::max_address_bits()) return Errno::inval;
    u64 address = TRY(map_table_page(page));
    message.entry_ = reinterpret_cast<u32 volatile*>(address + place % page_size);
    return message;
}

void Message::write(u8 vector, CpuId cpu) {
    set_masked(true);
    if (entry_) {
        entry_[address_low] = address_of(cpu);
        entry_[address_high] = 0;
        entry_[message_data] = vector;
        return;
    }
    u32 at = address_at_ - 4u + control_word;  // one message: what the device may append to it is nothing
    pci::write16(function_, at, static_cast<u16>(pci::read16(function_, at) & ~msi_messages_enabled));
    pci::write32(function_, address_at_, address_of(cpu));
    if (data_at_ - address_at_ == 8) pci::write32(function_, address_at_ + 4u, 0);
    pci::write16(function_, data_at_, vector);
}

// Only one word differs, so that a device never sees half of a message.
void Message::retarget(CpuId cpu) {
    if (!entry_) return pci::write32(function_, address_at_, address_of(cpu));
    set_masked(true);
    entry_[address_low] = address_of(cpu);
    set_masked(false);
}

void Message::set_masked(bool masked) {
    if (entry_) entry_[vector_control] = masked;
    else if (mask_at_) pci::write32(function_, mask_at_, masked);
}
}  // namespace hv::msi
