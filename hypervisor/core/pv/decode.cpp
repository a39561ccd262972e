// SPDX-License-Identifier: MIT
#include "core/pv/decode.hpp"
#include <algorithm>
#include "portable/base/pte.hpp"

namespace hv::pv {
namespace {
using enum Operation;
using Place = Operand::Place;

// Opcodes are numbers with their escape bytes: 0x30, 0x0f30, 0x0f01d1.
struct PlainOpcode {
    u32 code;
    Operation operation;
};
constexpr PlainOpcode plain_opcodes[] = {
    {0xfa, clear_interrupts}, {0xfb, set_interrupts}, {0x0f06, clear_task_switched},
    {0x0f09, flush_caches},   {0x0f30, write_msr},    {0x0f31, read_tsc},
    {0x0f32, read_msr},       {0x0f01d1, set_xcr},    {0x0f01f9, read_tscp},
};

// What is combined with the memory operand. A register is named by ModRM's reg field, which otherwise belongs to the
// opcode. Bit numbers are taken modulo the operand's size.
enum class Source : u8 { none, reg, immediate, byte_immediate, bit_in_reg, bit_immediate };
enum class Sizes : u8 { both, word };  // both: an even opcode for bytes, the odd one behind it for words

struct MemoryOpcode {
    u32 code;
    Sizes sizes;
    Source source;
    std::array<Operation, 8> operations;  // by the reg field; the first one for all if that names a register
};
constexpr std::array arithmetic{add, bit_or, add_carry, subtract_borrow, bit_and, subtract, bit_xor, none};  // not CMP
constexpr MemoryOpcode memory_opcodes[] = {
    {0x88, Sizes::both, Source::reg, {store}},
    {0x86, Sizes::both, Source::reg, {exchange}},
    {0xc6, Sizes::both, Source::immediate, {store}},
    {0x80, Sizes::both, Source::immediate, arithmetic},
    {0x83, Sizes::word, Source::byte_immediate, arithmetic},
    {0xf6, Sizes::both, Source::none, {none, none, complement, negate}},
    {0xfe, Sizes::both, Source::none, {increment, decrement}},
    {0x0fab, Sizes::word, Source::bit_in_reg, {bit_test_set}},
    {0x0fb3, Sizes::word, Source::bit_in_reg, {bit_test_reset}},
    {0x0fbb, Sizes::word, Source::bit_in_reg, {bit_test_complement}},
    {0x0fba,
     Sizes::word,
     Source::bit_immediate,
     {none, none, none, none, none, bit_test_set, bit_test_reset, bit_test_complement}},
    {0x0fb0, Sizes::both, Source::reg, {compare_exchange}},
    {0x0fc0, Sizes::both, Source::reg, {exchange_add}},
    {0x0fc3, Sizes::word, Source::reg, {store}},  // MOVNTI
};

constexpr Operand constant(u64 value) { return {Place::immediate, value}; }
constexpr Operand accumulator{Place::gpr, 0};

u64 sign_extend(u64 value, u32 size) {
    u32 unused = 64 - 8 * size;
    return static_cast<u64>(static_cast<i64>(value << unused) >> unused);
}

class Decoder {
public:
    Decoder(std::span<u8 const> bytes, abi::CpuUserRegs const& regs, SegmentBases bases)
        : bytes_{bytes}, regs_{regs}, bases_{bases} {}

    Result<Instruction> run() {
        TRY(prefixes());
        u32 code = TRY(opcode());
        TRY(operands(code));
        out_.length = static_cast<u8>(position_);
        out_.address_size = short_addresses_ ? 4 : 8;
        if (writes_memory(out_.operation)) {
            u64 address = out_.destination.value + (rip_relative_ ? regs_.rip + position_ : 0);
            out_.destination.value = TRY(linear(address, segment_base_));
        }
        return out_;
    }

private:
    // --- fetching

    Result<u8> next() {
        if (position_ >= max_instruction_bytes) return Errno::toobig;
        if (position_ >= bytes_.size()) return Errno::nodata;
        return bytes_[position_++];
    }
    Result<u64> immediate(u32 size) {
        u64 value = 0;
        for (u32 i = 0; i < size; ++i) {
            u8 byte = TRY(next());
            value |= u64{byte} << (8 * i);
        }
        return sign_extend(value, size);
    }

    // REX counts only directly before the opcode: with another prefix behind it, it is ignored.
    Result<> prefixes() {
        for (;;) {
            u8 byte = TRY(next());
            bool is_rex = (byte & 0xf0) == 0x40;
            switch (byte) {
                case 0x66: short_words_ = true; break;
                case 0x67: short_addresses_ = true; break;
                case 0xf0: out_.lock = true; break;
                case 0xf2:
                case 0xf3: repeat_ = true; break;
                case 0x64: segment_base_ = bases_.fs; break;
                case 0x65: segment_base_ = bases_.gs; break;
                case 0x26:
                case 0x2e:
                case 0x36:
                case 0x3e: break;  // without effect in 64-bit mode
                default:
                    if (is_rex) break;
                    --position_;
                    return {};
            }
            rex_ = is_rex ? byte : 0;
        }
    }
    Result<u32> opcode() {
        u32 code = TRY(next());
        while (code == 0x0f || code == 0x0f01) {
            u8 byte = TRY(next());
            code = code << 8 | byte;
        }
        return code;
    }

    // --- operands

    u32 high(u32 rex_bit) const { return rex_ & rex_bit ? 8 : 0; }
    u32 reg_field(u8 byte) const { return (byte >> 3 & 7u) | high(4); }
    u32 word_size() const { return rex_ & 8 ? 8 : short_words_ ? 2 : 4; }
    u32 port_size(u32 code) const { return !(code & 1) ? 1 : short_words_ ? 2 : 4; }  // REX.W has no effect

    Operand gpr(u32 number, u32 size) const {
        if (size == 1 && !rex_ && number >= 4 && number < 8) return {Place::high_byte, number - 4};
        return {Place::gpr, number};
    }

    // The operand must be memory: its address goes to the destination, less segment base and rip. The reg field.
    Result<u32> memory_operand() {
        u8 byte = TRY(next());
        u32 mod = byte >> 6, base = byte & 7;
        if (mod == 3) return Errno::opnotsupp;
        u64 address = 0;
        bool has_sib = base == 4;
        if (has_sib) {
            u8 sib = TRY(next());
            u32 index = (sib >> 3 & 7u) | high(2);
            if (index != 4) address = read_gpr(regs_, index) << (sib >> 6);
            base = sib & 7;
        }
        bool has_base = mod != 0 || base != 5;
        if (has_base) address += read_gpr(regs_, base | high(1));
        rip_relative_ = !has_base && !has_sib;
        u32 displacement_size = mod == 1 ? 1 : mod == 2 || !has_base ? 4 : 0;
        if (displacement_size != 0) address += TRY(immediate(displacement_size));
        out_.destination = {Place::memory, address};
        return reg_field(byte);
    }

    Result<u64> linear(u64 offset, u64 base) const {
        u64 address = (short_addresses_ ? offset & 0xffff'ffff : offset) + base;
        if (!is_canonical(address) || !is_canonical(address + out_.size - 1)) return Errno::fault;
        return address;
    }

    // --- instructions

    Result<> operands(u32 code) {
        if ((code & ~0x0bu) == 0xe4) return port(code);
        if ((code & ~3u) == 0x6c) return port_string(code);
        for (auto const& [plain, operation] : plain_opcodes)
            if (plain == code) return privileged(operation);
        if ((code & ~3u) == 0x0f20) return system_register(code);
        if (code < 0x38 && (code & 7) < 2)
            return write_memory({code & ~1u, Sizes::both, Source::reg, {arithmetic[code >> 3]}}, code);
        for (MemoryOpcode const& known : memory_opcodes)
            if (known.code == code || (known.sizes == Sizes::both && known.code + 1 == code))
                return write_memory(known, code);
        if ((code & ~1u) == 0xa2) {  // MOV moffs, AL/rAX: a whole address instead of ModRM
            u64 address = TRY(immediate(short_addresses_ ? 4 : 8));
            out_.destination = {Place::memory, address};
            return finish_write(store, code & 1 ? word_size() : 1, accumulator);
        }
        return Errno::opnotsupp;
    }

    Result<> write_memory(MemoryOpcode const& form, u32 code) {
        if (code == 0x0fc3 && (short_words_ || repeat_)) return Errno::opnotsupp;
        u32 reg = TRY(memory_operand());
        bool names_register = form.source == Source::reg || form.source == Source::bit_in_reg;
        Operation operation = form.operations[names_register ? 0 : reg & 7];
        if (operation == none) return Errno::opnotsupp;
        u32 size = form.sizes == Sizes::word || (code & 1) ? word_size() : 1;
        u32 bit_mask = size * 8 - 1;
        Operand source;
        switch (form.source) {
            case Source::none: break;
            case Source::reg: source = gpr(reg, size); break;
            case Source::immediate: source = constant(TRY(immediate(std::min(size, 4u)))); break;
            case Source::byte_immediate: source = constant(TRY(immediate(1))); break;
            case Source::bit_immediate: source = constant(TRY(immediate(1)) & bit_mask); break;
            case Source::bit_in_reg: {  // all of it counts: the word may lie below or above the one named
                u64 offset = sign_extend(read_gpr(regs_, reg) & size_mask(size), size);
                source = constant(offset & bit_mask);
                out_.destination.value += static_cast<u64>(static_cast<i64>(offset & ~u64{bit_mask}) >> 3);
            }
        }
        return finish_write(operation, size, source);
    }
    Result<> finish_write(Operation operation, u32 size, Operand source) {
        if (out_.lock && operation == store) return Errno::opnotsupp;  // #UD
        out_.operation = operation;
        out_.size = static_cast<u8>(size);
        out_.lock |= operation == exchange;
        out_.source = source;
        return {};
    }

    Result<> privileged(Operation operation, u32 size = 0) {
        bool is_another = operation == set_xcr && (short_words_ || repeat_);
        if (out_.lock || is_another) return Errno::opnotsupp;  // #UD
        out_.operation = operation;
        out_.size = static_cast<u8>(size);
        return {};
    }

    Result<> port(u32 code) {
        bool write = code & 2;
        Operand number{Place::gpr, 2};
        if (!(code & 8)) number = constant(TRY(immediate(1)) & 0xff);
        out_.destination = write ? number : accumulator;
        out_.source = write ? accumulator : number;
        return privileged(write ? port_out : port_in, port_size(code));
    }
    Result<> port_string(u32 code) {
        bool write = code & 2;
        TRY(privileged(write ? port_out_string : port_in_string, port_size(code)));
        u64 address = TRY(linear(read_gpr(regs_, write ? 6 : 7), write ? segment_base_ : 0));  // no override for ES:rDI
        Operand memory{Place::memory, address}, number{Place::gpr, 2};
        out_.destination = write ? number : memory;
        out_.source = write ? memory : number;
        out_.repeat = repeat_;
        return {};
    }
    Result<> system_register(u32 code) {
        u8 byte = TRY(next());  // the mod field is ignored: always a register
        u32 number = reg_field(byte);
        bool write = code & 2, debug = code & 1;
        bool exists = debug ? number < 8 : number == 0 || (number >= 2 && number <= 4) || number == 8;
        if (!exists) return Errno::opnotsupp;
        out_.index = static_cast<u8>(number);
        (write ? out_.source : out_.destination) = {Place::gpr, (byte & 7u) | high(1)};
        if (debug) return privileged(write ? write_debug : read_debug, 8);
        return privileged(write ? write_control : read_control, 8);
    }

    std::span<u8 const> bytes_;
    abi::CpuUserRegs const& regs_;
    SegmentBases bases_;
    usize position_ = 0;
    bool short_words_ = false;
    bool short_addresses_ = false;
    bool repeat_ = false;
    u8 rex_ = 0;
    u64 segment_base_ = 0;
    bool rip_relative_ = false;
    Instruction out_{};
};
}  // namespace

Result<Instruction> decode(std::span<u8 const> bytes, abi::CpuUserRegs const& regs, SegmentBases bases) {
    return Decoder{bytes, regs, bases}.run();
}
}  // namespace hv::pv
